"""One training run, stage by stage."""
