"""Packaging: a trained network as a run, the folder that the registry stores and a worker loads.

network.onnx     the network in service; named in the manifest's files, so every worker downloads it
weights.pt       the start weights of the next training; no worker downloads it
manifest.json    written last
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.labels import LABELS
from contracts.weights import MANIFEST, check_run_id

MODEL: Final = "yolov5n"  # the name of the model in manifests and messages
NETWORK: Final = "network.onnx"
WEIGHTS: Final = "weights.pt"
# The thresholds of the worker's BoxFilter: worker/models/boxes.py.
CUT: Final[Mapping[str, float]] = {"confidence": 0.25, "class_iou": 0.7, "person_iou": 0.6}
LICENCE: Final = {
    "weights": "AGPL-3.0",
    "why": "trained and exported with ultralytics, whose terms cover what is trained with it; "
    "an Ultralytics Enterprise licence lifts them",
    "photos": "those of the dataset named under data; they are the kiosk owner's, and not part of the run",
}


def package(
    folder: Path,
    *,
    run: str,
    onnx: Path,
    weights_pt: Path,
    input: int,
    calibration: Mapping[str, Any],
    data: Mapping[str, Any],
    training: Mapping[str, Any],
    code_version: str,
) -> Path:
    """Write the run's folder, over files of the same names; the path of its manifest.

    `input` is the longer side of the network's input, pixels. `data` has the build and its digest, `training` the
    settings. InvalidName when `run` is not a valid id.
    """
    check_run_id(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)  # while its files change, the folder is not a run
    manifest: dict[str, Any] = {
        "kind": "yolov5",
        "name": MODEL,
        "version": run,
        "classes": [str(label) for label in LABELS],
        "files": {"network": {"path": NETWORK, "sha256": _copy(onnx, folder / NETWORK)}},
        "input": input,
        "head": "v8",
        "cut": CUT,
        "calibration": calibration,
        "data": data,
        "training": {**training, "weights": {"path": WEIGHTS, "sha256": _copy(weights_pt, folder / WEIGHTS)}},
        "metrics": {},
        "code_version": code_version,
        "licence": LICENCE,
    }
    return _write(folder, manifest)


def with_fields(folder: Path, **fields: Any) -> Path:
    """Replace fields of a packaged run's manifest, such as its calibration or its metrics; the manifest's path.

    This changes the model's digest, so it is not allowed once the run is in the registry.
    """
    manifest = json.loads((folder / MANIFEST).read_bytes())
    return _write(folder, {**manifest, **fields})


def _write(folder: Path, manifest: Mapping[str, Any]) -> Path:
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return part.replace(folder / MANIFEST)


def _copy(source: Path, target: Path) -> str:
    """Copy a file unless source and target are the same; its SHA-256."""
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
