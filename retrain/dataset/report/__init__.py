"""The page of a dataset, for people."""
