"""Drift of the model's own labels since it was trained."""
