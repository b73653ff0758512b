"""The demonstration `nunchi flywheel`, and its drawn people."""
