"""One file for each command of `nunchi`."""
