"""Metrics, alarms, the dashboard, and who receives them."""
