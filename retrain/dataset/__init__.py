"""From what was gathered to a dataset: chosen, split, balanced, looked over, laid out, put down in a manifest."""

from retrain.dataset.assembly import build
from retrain.dataset.manifest import Item, Manifest
from retrain.dataset.photos import LeftOut, Split, Why
from retrain.dataset.publication import builds, fetch, find, known, publish
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.vetting.preconditions import enough

__all__ = [
    "DatasetSettings",
    "Item",
    "LeftOut",
    "Manifest",
    "Split",
    "Why",
    "build",
    "builds",
    "enough",
    "fetch",
    "find",
    "known",
    "publish",
]
