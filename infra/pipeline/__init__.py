"""What holds state, and the way of a photo up to the worker."""
