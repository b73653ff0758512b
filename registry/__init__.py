"""The model registry: immutable runs of weights, and the pointer to the one in service. Imports the contracts only."""
