"""The flywheel's demonstration, and the drawn people that it is shown with."""
