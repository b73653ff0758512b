"""Formulas that programs share: backoff with jitter, beta calibration, deterministic draws."""
