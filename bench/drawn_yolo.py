"""A YOLOv5n trained on drawn people, to measure with: fp32 and int8, at its training size and at 640 pixels.

    from bench.drawn_yolo import trained

Trained in .venv-trainer (make trainer), which takes two minutes the first time; bench/out keeps it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.training import ROOT, TRAINER, drawn_dataset
from demo.flywheel import HYPERPARAMETERS
from recipes.kiosk.labels import LABELS
from retrain.fit.calibration import AS_IT_IS
from retrain.fit.candidate import package
from retrain.fit.quantise import quantise
from retrain.judge.golden import GoldenPhoto, golden_photos
from retrain.judge.matching import people, ranked
from retrain.judge.metrics import average_precision, bootstrap_weights, mean_over_labels
from retrain.judge.predictions import predictor

OUT: Final = ROOT / "bench" / "out" / "drawn-yolo"
TRAINED_SIDE: Final = 128  # pixels
SERVED_SIDE: Final = 640


@dataclass(frozen=True, slots=True)
class DrawnYolo:
    """The weights, and a manifest for each precision and input size."""

    weights: Path
    fp32: Path
    int8: Path
    fp32_as_trained: Path
    int8_as_trained: Path
    data: Path


def trained() -> DrawnYolo:
    """Train, export and quantise; files of an earlier call are used again."""
    data = OUT / "data"
    if not (data / "data.yaml").exists():
        drawn_dataset(data, 320)
    best = OUT / "train" / "run" / "weights" / "best.pt"
    if not best.exists():
        job = {"task": "train", "model": "yolov5n.yaml", "epochs": 30, "image_size": TRAINED_SIDE, "batch": 8}
        _trainer("train", job | {"data": str(data / "data.yaml"), "hyperparameters": dict(HYPERPARAMETERS)})
    manifests = {}
    for side in (SERVED_SIDE, TRAINED_SIDE):
        folder = OUT / f"export-{side}"
        if not list(folder.rglob("*.onnx")):
            _trainer(folder.name, {"task": "export", "model": str(best), "image_size": side})
        [network] = folder.rglob("*.onnx")
        quantised = OUT / f"int8-{side}.onnx"
        if not quantised.exists():
            quantise(network, quantised, sorted((data / "images" / "val").glob("*.jpg")), side=side)
        for kind, path in (("fp32", network), ("int8", quantised)):
            manifests[kind, side] = package(
                OUT / f"{kind}-{side}",
                run=f"{kind}-{side}",
                onnx=path,
                weights_pt=best,
                input=side,
                calibration=AS_IT_IS,
                data={},
                training={},
                code_version="bench",
                classes=LABELS,
            )
    return DrawnYolo(
        weights=best,
        fp32=manifests["fp32", SERVED_SIDE],
        int8=manifests["int8", SERVED_SIDE],
        fp32_as_trained=manifests["fp32", TRAINED_SIDE],
        int8_as_trained=manifests["int8", TRAINED_SIDE],
        data=data,
    )


def mean_ap(manifest: Path, photos: tuple[GoldenPhoto, ...]) -> tuple[float, float]:
    """mAP50 and mAP50-95, as `yolo val` measures them."""
    predictions = predictor(manifest, raw=True)([photo.path for photo in photos])
    ap = average_precision(
        ranked(photos, predictions, classes=LABELS),
        people(photos, classes=LABELS),
        bootstrap_weights(photos, draws=0, seed=0),
        classes=LABELS,
    )
    return float(mean_over_labels(ap)[0].ravel()[0]), float(mean_over_labels(ap.mean(axis=1)).ravel()[0])


def held_out(data: Path) -> tuple[GoldenPhoto, ...]:
    """The drawn photos held out of training."""
    return golden_photos(data, "val", classes=LABELS)


def _trainer(name: str, job: dict[str, Any]) -> None:
    work = OUT / name
    work.mkdir(parents=True, exist_ok=True)
    job |= {"work": str(work), "device": "cpu", "workers": 0}
    (work / "job.json").write_text(json.dumps(job))
    with (work / "log").open("w") as log:
        command = [str(TRAINER / "python"), "-m", "retrain.trainer", str(work / "job.json")]
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=True)
