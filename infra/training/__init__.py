"""Retraining: its schedule, its state machine, its instance."""
