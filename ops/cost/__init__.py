"""What a month of Nunchi costs."""
