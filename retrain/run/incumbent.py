"""The model in service, downloaded: the candidate is measured against it, and may start from its weights."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.errors import ContractError
from contracts.weights import run_key
from registry.weights import CurrentRun, WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.publication import find
from retrain.errors import InvalidDataset
from retrain.fit.candidate import WEIGHTS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The model in service. `pointer` must be unchanged at the promotion; `manifest` None is the model of day 0.

    `weights` is None if a training can't start from it; `dataset` is None if its training data is unknown.
    """

    pointer: CurrentRun
    manifest: Path | None = None
    weights: Path | None = None
    dataset: DatasetManifest | None = None

    @property
    def run(self) -> str | None:
        return self.pointer.run


def fetch_incumbent(weights: WeightsRegistry, files: DatasetBucket, datasets: DatasetBucket, folder: Path) -> Incumbent:
    """Download the model in service into `folder` and check its digests.

    `files` is the weights bucket, read only. InvalidRun or RunUnknown when a file is missing or differs.
    """
    pointer = weights.current()
    if pointer.run is None:
        return Incumbent(pointer)
    run = weights.run(pointer.run)
    return Incumbent(
        pointer,
        manifest=weights.download(run, folder),
        weights=_trainable(run.manifest, files, run.id, folder),
        dataset=_dataset(run.manifest, datasets),
    )


def learned_by(weights: WeightsRegistry, datasets: DatasetBucket) -> datetime | None:
    """When the training dataset of the model in service was built; None for day 0, or if it is unknown."""
    run = weights.current().run
    dataset = _dataset(weights.run(run).manifest, datasets) if run else None
    return dataset.made_at if dataset else None


def _trainable(manifest: Any, files: DatasetBucket, run: str, folder: Path) -> Path | None:
    """The .pt of a YOLOv5, if it is stored beside the manifest and matches its digest."""
    if manifest.get("kind") != "yolov5" or (content := files.get(run_key(run, WEIGHTS))) is None:
        return None
    try:
        expected = manifest["training"]["weights"]["sha256"]
    except (KeyError, TypeError):
        return None
    if hashlib.sha256(content).hexdigest() != expected:
        return None
    (folder / WEIGHTS).write_bytes(content)
    return folder / WEIGHTS


def _dataset(manifest: Any, datasets: DatasetBucket) -> DatasetManifest | None:
    """The dataset that the model was trained on; None if it was trained elsewhere: then every photo is new."""
    try:
        return find(datasets, manifest["data"]["build"])
    except (KeyError, TypeError, ContractError, InvalidDataset) as error:
        log.warning(
            "the dataset of run %s can't be read; every photo counts as new: %r", manifest.get("version"), error
        )
        return None
