"""Training of a recipe's heads: photos and label files → features → heads → a run that a worker loads.

features.py     features of the photos, by the worker's own code in a subprocess
examples.py     subjects of the label files, each with its features
fit.py          a linear model for each head, chosen by cross-validation, and its calibration
tuning.py       lets the last blocks of the networks learn, too, by the trainer in a subprocess, if a recipe wants it
figures.py      macro F1, calibration error and mean absolute error, by group, with intervals
package.py      the run folder: manifest.json and heads.npz
training.py     all of it, in order
"""
