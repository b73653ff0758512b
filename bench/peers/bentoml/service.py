"""The network in BentoML, by its documentation of adaptive batching, of workers and of pictures as input.

    bentoml serve bench.peers.bentoml.service:YoloService

docs.bentoml.com/en/latest/get-started/adaptive-batching.html
"""

from __future__ import annotations

import json
import os
from typing import Any

import bentoml
import numpy as np
from PIL.Image import Image

from bench.peers.yolo_onnx import YoloOnnx

SETTINGS = json.loads(os.environ["NUNCHI_BENCH"])
BATCH = {"batchable": True, "max_batch_size": SETTINGS["batch"], "max_latency_ms": 10_000} if SETTINGS["batch"] else {}


@bentoml.service(workers=SETTINGS["processes"], traffic={"timeout": 60})
class YoloService:
    """One network a worker process."""

    def __init__(self) -> None:
        self.model = YoloOnnx()

    if SETTINGS["batch"]:

        @bentoml.api(**BATCH)
        def predict(self, photos: list[Image]) -> list[dict[str, Any]]:
            """The people in each photo of a batch."""
            pictures = [np.asarray(photo.convert("RGB")) for photo in photos]
            return [{"people": people} for people in self.model.people(pictures)]

    else:

        @bentoml.api
        def predict(self, photos: Image) -> dict[str, Any]:
            """The people in a photo."""
            return {"people": self.model.people([np.asarray(photos.convert("RGB"))])[0]}
