"""Benchmarks, as ratios within one run, and the scripts that reproduce published figures."""
