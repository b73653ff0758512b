"""The trainer: `python -m retrain.trainer JOB.json`, a program of its own, which nothing of ours imports."""
