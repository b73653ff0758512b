"""Masks drawn on free portraits: the dataset that teaches the recipe `mask`.

No free set of real photos tells a mask that covers mouth and nose from one that does not. So this code draws them.
"""
