"""New weights: found, fetched, tried, and swapped in without a failed photo."""
