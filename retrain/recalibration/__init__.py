"""Fits the last layer of the cascade in service, its calibration, to a shop's own checked photos, and judges it.

photos.py      the checked photos of the bucket: reviewed ones to fit on, golden ones to judge by
last_layer.py  the last layer: a few shifts and scales of the shipped calibration
fit.py         their most likely values, with the shipped calibration as the prior, and what that gains out of fold
evidence.py    what the model saw of checked people, and what a last layer makes of it
figures.py     the figures of one calibration on checked photos
rules.py       the rules: better beyond noise, no label's promise falls, no elder loses
cascade.py     the cascade in service as files, shipped and fitted
run.py         from the model in service to an outcome
"""
