"""The model in service, brought to this machine: to be measured against, and to go on from."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.errors import ContractError
from contracts.weights import MANIFEST, files_beside, run_key
from registry.errors import InvalidRun
from registry.weights import CurrentRun, WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.publication import find
from retrain.errors import InvalidDataset

log = logging.getLogger(__name__)

WEIGHTS: Final = "weights.pt"  # beside the manifest of a YOLOv5: what a training goes on from


@dataclass(frozen=True, slots=True)
class Incumbent:
    """`pointer` is what a promotion must find still; `manifest` None is the model of day 0.

    `weights` is None when it can't be trained on; `learned` None when nothing tells what it was trained on.
    """

    pointer: CurrentRun
    manifest: Path | None = None
    weights: Path | None = None
    learned: DatasetManifest | None = None

    @property
    def run(self) -> str | None:
        return self.pointer.run


def bring(weights: WeightsRegistry, files: DatasetBucket, datasets: DatasetBucket, folder: Path) -> Incumbent:
    """Fetch what serves into `folder`, every byte checked. InvalidRun or RunUnknown when it can't be had whole.

    `files` is the weights bucket, read only.
    """
    pointer = weights.current()
    if pointer.run is None:
        return Incumbent(pointer)
    run = weights.run(pointer.run)
    wanted = files_beside(run.manifest)
    for path, digest in ({MANIFEST: run.manifest_sha256} | wanted).items():
        content = files.get(run_key(run.id, path))
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise InvalidRun(
                f"{path} of run {run.id}, which serves, is missing or not the bytes promised; nothing can be measured "
                "against it. Put a whole run into service: nunchi weights rollback"
            )
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Incumbent(
        pointer,
        manifest=folder / MANIFEST,
        weights=_trainable(run.manifest, files, run.id, folder),
        learned=_learned(run.manifest, datasets),
    )


def learned_by(weights: WeightsRegistry, datasets: DatasetBucket) -> datetime | None:
    """When the dataset was built that the model in service learned from; None for day 0, or where nothing tells."""
    run = weights.current().run
    learned = _learned(weights.run(run).manifest, datasets) if run else None
    return learned.made_at if learned else None


def _trainable(manifest: Any, files: DatasetBucket, run: str, folder: Path) -> Path | None:
    """The .pt of a YOLOv5, if it lies beside the manifest and is what its training wrote."""
    if manifest.get("kind") != "yolov5" or (content := files.get(run_key(run, WEIGHTS))) is None:
        return None
    try:
        promised = manifest["training"]["weights"]["sha256"]
    except (KeyError, TypeError):
        return None
    if hashlib.sha256(content).hexdigest() != promised:
        return None
    (folder / WEIGHTS).write_bytes(content)
    return folder / WEIGHTS


def _learned(manifest: Any, datasets: DatasetBucket) -> DatasetManifest | None:
    """The dataset that it was trained on; None for one that was trained elsewhere: then every photo is new."""
    try:
        return find(datasets, manifest["data"]["build"])
    except (KeyError, TypeError, ContractError, InvalidDataset) as error:
        log.warning(
            "what %s learned from can't be read, and every photo counts as new: %r", manifest.get("version"), error
        )
        return None
