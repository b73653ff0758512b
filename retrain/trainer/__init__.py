"""What trains: `python -m retrain.trainer JOB.json`, a program of its own. Nothing of ours imports it."""
