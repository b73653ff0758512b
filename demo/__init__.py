"""What shows Nunchi to people: `nunchi flywheel` with its drawn people, and the page of `nunchi try`."""
