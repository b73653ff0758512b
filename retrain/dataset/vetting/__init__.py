"""Checks that exclude or mark photos, and the preconditions of a training."""
