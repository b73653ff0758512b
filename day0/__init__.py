"""Calibrates the day-0 model and measures it: `python -m day0 --data PORTRAITS`."""
