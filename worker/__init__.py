"""The resident process: photos in, labels out."""
