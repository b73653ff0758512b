"""A YOLOv5n that has learned drawn people, to measure with: in 32 bits and in 8, at its own size and at 640 pixels.

    from bench.drawn_yolo import made

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
from retrain.fit.calibration import AS_IT_IS
from retrain.fit.candidate import package
from retrain.fit.quantise import quantise
from retrain.judge.golden import GoldenPhoto, golden_photos
from retrain.judge.matching import people, ranked
from retrain.judge.metrics import average_precision, bootstrap_weights, mean_over_labels
from retrain.judge.predictions import predictor

OUT: Final = ROOT / "bench" / "out" / "drawn-yolo"
LEARNED: Final = 128  # pixels
SERVED: Final = 640


@dataclass(frozen=True, slots=True)
class Made:
    """The weights, and a manifest for each way to serve them."""

    weights: Path
    fp32: Path
    int8: Path
    fp32_as_learned: Path
    int8_as_learned: Path
    data: Path


def made() -> Made:
    """Train, export and quantise, what of it is not there yet."""
    data = OUT / "data"
    if not (data / "data.yaml").exists():
        drawn_dataset(data, 320)
    best = OUT / "train" / "run" / "weights" / "best.pt"
    if not best.exists():
        job = {"task": "train", "model": "yolov5n.yaml", "epochs": 30, "image_size": LEARNED, "batch": 8}
        _trainer("train", job | {"data": str(data / "data.yaml"), "hyperparameters": dict(HYPERPARAMETERS)})
    manifests = {}
    for side in (SERVED, LEARNED):
        folder = OUT / f"export-{side}"
        if not list(folder.rglob("*.onnx")):
            _trainer(folder.name, {"task": "export", "model": str(best), "image_size": side})
        [network] = folder.rglob("*.onnx")
        small = OUT / f"int8-{side}.onnx"
        if not small.exists():
            quantise(network, small, sorted((data / "images" / "val").glob("*.jpg")), side=side)
        for kind, path in (("fp32", network), ("int8", small)):
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
            )
    return Made(
        weights=best,
        fp32=manifests["fp32", SERVED],
        int8=manifests["int8", SERVED],
        fp32_as_learned=manifests["fp32", LEARNED],
        int8_as_learned=manifests["int8", LEARNED],
        data=data,
    )


def mean_ap(manifest: Path, photos: tuple[GoldenPhoto, ...]) -> tuple[float, float]:
    """mAP50 and mAP50-95, as `yolo val` measures them."""
    said = predictor(manifest, raw=True)([photo.path for photo in photos])
    ap = average_precision(ranked(photos, said), people(photos), bootstrap_weights(photos, draws=0, seed=0))
    return float(mean_over_labels(ap)[0].ravel()[0]), float(mean_over_labels(ap.mean(axis=1)).ravel()[0])


def held_out(data: Path) -> tuple[GoldenPhoto, ...]:
    """The pictures that it did not learn."""
    return golden_photos(data, "val")


def _trainer(name: str, job: dict[str, Any]) -> None:
    work = OUT / name
    work.mkdir(parents=True, exist_ok=True)
    job |= {"work": str(work), "device": "cpu", "workers": 0}
    (work / "job.json").write_text(json.dumps(job))
    with (work / "log").open("w") as log:
        command = [str(TRAINER / "python"), "-m", "retrain.trainer", str(work / "job.json")]
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=True)
