"""Fits, evaluates and writes the day-0 model that every worker carries: `python -m day0 --data PORTRAITS`."""
