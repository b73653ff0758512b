"""The kiosks of an account, from the operator's side: made, listed, taken away. Imports the contracts only."""
