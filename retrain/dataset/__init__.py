"""Datasets for a training: gathered, split, balanced, vetted, written as a YOLO folder with a manifest, published."""

from retrain.dataset.assembly import build
from retrain.dataset.manifest import DatasetManifest, Item
from retrain.dataset.photos import Excluded, ExclusionReason, Split
from retrain.dataset.publication import builds, fetch, find, load, publish
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.vetting.preconditions import unmet_precondition

__all__ = [
    "DatasetManifest",
    "DatasetSettings",
    "Excluded",
    "ExclusionReason",
    "Item",
    "Split",
    "build",
    "builds",
    "fetch",
    "find",
    "load",
    "publish",
    "unmet_precondition",
]
