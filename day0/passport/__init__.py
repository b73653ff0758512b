"""Portraits spoiled by known amounts: the dataset that teaches the recipe `face-score`.

No free set of photos says how good a passport photo each is. So this code takes good portraits, spoils them by amounts
that it knows, and scores them by a formula (score.py).
"""
