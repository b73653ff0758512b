"""AWS services on this machine: ministack, moto, and what both lack."""
