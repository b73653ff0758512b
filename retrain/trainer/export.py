"""Export of trained weights to ONNX, and ultralytics' own validation of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from retrain.trainer import untouched
from retrain.trainer.job import Job

OPSET: Final = 17  # runs on the worker's ONNX Runtime, and on versions that are years old


def export(job: Job) -> dict[str, Any]:
    """Export to `work`/network.onnx, with a dynamic input shape, so that the worker need not pad to a square."""
    from ultralytics import YOLO  # noqa: PLC0415 - torch takes seconds

    exported = Path(
        YOLO(job.model).export(
            format="onnx", imgsz=job.image_size, opset=OPSET, dynamic=True, simplify=True, batch=1, device="cpu"
        )
    )
    network = job.work / "network.onnx"
    shutil.move(exported, network)
    return {"network": str(network), "opset": OPSET}


def measure(job: Job) -> dict[str, Any]:
    """The metrics of `yolo val` for weights, .pt or .onnx, on a split of the dataset."""
    from ultralytics import YOLO  # noqa: PLC0415 - torch takes seconds

    untouched.patch()
    results = YOLO(job.model, task="detect").val(
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
    names = [results.names[place] for place in results.box.ap_class_index]
    return {
        "metrics": {"map50": float(results.box.map50), "map50_95": float(results.box.map)},
        "by_label": {
            name: {"map50": float(at_50), "map50_95": float(at_all)}
            for name, at_50, at_all in zip(names, results.box.ap50, results.box.ap, strict=True)
        },
    }
