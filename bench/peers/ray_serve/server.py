"""The network in Ray Serve, by its documentation of request batching and of replicas.

    python -m bench.peers.ray_serve.server

docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html. No dashboard and no statistics of its use: both cost
memory that a shop would not pay.
"""

from __future__ import annotations

import json
import os
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from bench.peers.yolo_onnx import YoloOnnx, decoded

SETTINGS = json.loads(os.environ["NUNCHI_BENCH"])


@serve.deployment(num_replicas=SETTINGS["processes"], ray_actor_options={"num_cpus": 0.5}, max_ongoing_requests=32)
class YoloDeployment:
    """One network a replica."""

    def __init__(self) -> None:
        self.model = YoloOnnx()

    @serve.batch(max_batch_size=SETTINGS["batch"] or 1, batch_wait_timeout_s=0.01)
    async def predict(self, photos: list[bytes]) -> list[dict[str, Any]]:
        """The people in each photo of a batch."""
        return [{"people": people} for people in self.model.people([decoded(photo) for photo in photos])]

    async def __call__(self, request: Request) -> dict[str, Any]:
        photo = await request.body()
        if SETTINGS["batch"]:
            answer: dict[str, Any] = await self.predict(photo)
            return answer
        return {"people": self.model.people([decoded(photo)])[0]}


if __name__ == "__main__":
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        _temp_dir=SETTINGS["folder"],
    )
    serve.start(http_options={"host": "127.0.0.1", "port": SETTINGS["port"]})
    serve.run(YoloDeployment.bind(), route_prefix="/", blocking=True)  # pyrefly: ignore[missing-attribute]
