"""Training, export, calibration and packaging of a network."""
