"""The registry of models: runs of weights, and the pointer to the one in service. Imports the contracts only."""
