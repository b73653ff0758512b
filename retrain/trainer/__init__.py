"""What trains: `python -m retrain.trainer JOB.json`, a program of its own. Nothing here is imported by anything of ours."""
