"""The AWS services that run on this machine: ministack, moto, and what both lack."""
