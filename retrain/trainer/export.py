"""Trained weights as ONNX, and ultralytics' own measurement of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from retrain.trainer.job import Job

OPSET: Final = 17  # the worker's OpenVINO and ONNX Runtime run it, and so do those of years ago


def export(job: Job) -> dict[str, Any]:
    """`work`/network.onnx: pictures of any shape, so that the worker need not fill a square with grey."""
    from ultralytics import YOLO  # noqa: PLC0415 - torch takes seconds

    made = Path(
        YOLO(job.model).export(
            format="onnx", imgsz=job.image_size, opset=OPSET, dynamic=True, simplify=True, batch=1, device="cpu"
        )
    )
    network = job.work / "network.onnx"
    shutil.move(made, network)
    return {"network": str(network), "opset": OPSET}


def measure(job: Job) -> dict[str, Any]:
    """What a stranger's `yolo val` says of the weights, .pt or .onnx, on a split of the dataset."""
    from ultralytics import YOLO  # noqa: PLC0415 - torch takes seconds

    found = YOLO(job.model, task="detect").val(
        data=str(job.data),
        split=job.split,
        imgsz=job.image_size,
        batch=job.batch or 16,
        device=job.device or "cpu",
        workers=job.workers,
        plots=False,
        verbose=False,
        project=str(job.work),
        name="val",
        exist_ok=True,
    )
    names = [found.names[place] for place in found.box.ap_class_index]
    return {
        "metrics": {"map50": float(found.box.map50), "map50_95": float(found.box.map)},
        "by_label": {
            name: {"map50": float(at_50), "map50_95": float(at_all)}
            for name, at_50, at_all in zip(names, found.box.ap50, found.box.ap, strict=True)
        },
    }
