"""Simulation of many shops in mode `queue`; `python -m bench.scaling` writes docs/scaling.md's figures."""
