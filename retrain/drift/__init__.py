"""Drift detection: how the model's own labels changed since it was trained."""
