"""From a dataset to a trained, exported, calibrated network."""
