"""From what was gathered to a dataset: chosen, split, balanced, looked over, laid out, put down in a manifest."""

from retrain.dataset.assembly import build
from retrain.dataset.manifest import DatasetManifest, Item
from retrain.dataset.photos import Excluded, ExclusionReason, Split
from retrain.dataset.publication import builds, fetch, find, known, publish
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
    "known",
    "publish",
    "unmet_precondition",
]
