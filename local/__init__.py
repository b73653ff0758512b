"""The cloud on one machine: for trying, for developing, for the end-to-end tests. Nothing of it goes to AWS."""
