"""Rollout of new weights: fetch a run, try it, and swap it in without a failed photo."""
