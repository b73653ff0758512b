"""Calibrates the day-0 model and measures it: `python -m bench.calibrate --data PORTRAITS`."""
