"""Datasets for a training: gathered, split, balanced, vetted, written as a YOLO folder with a manifest, published."""

from retrain.dataset.assembly import build
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.publication import builds, fetch, load, publish
from retrain.dataset.settings import DatasetSettings

__all__ = ["DatasetManifest", "DatasetSettings", "build", "builds", "fetch", "load", "publish"]
