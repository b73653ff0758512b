"""What `nunchi doctor` examines."""
