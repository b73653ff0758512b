"""A look at a recipe's data before a training: what is labelled, what is lacking, and what a head may learn instead."""
