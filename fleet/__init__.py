"""The kiosks of an account: added, listed, removed by an operator. Imports the contracts only."""
