"""The monthly cost of Nunchi on AWS."""
