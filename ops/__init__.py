"""The `nunchi` command."""
