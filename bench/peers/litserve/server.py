"""The network in LitServe, by its documentation of file uploads, batching and workers.

    python -m bench.peers.litserve.server

lightning.ai/docs/litserve/features/batching and …/request-response-format
"""

# Without `from __future__ import annotations`: LitServe reads the annotation of `decode_request` as it is.
import json
import os
from typing import Any

import litserve as ls
from starlette.requests import Request

from bench.peers.yolo_onnx import YoloOnnx, decoded


class YoloApi(ls.LitAPI):
    """One network a worker process."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the network."""
        self.model = YoloOnnx()

    def decode_request(self, request: Request) -> Any:
        """The photo's pixels. At run time the request is its form, by LitServe's rule for a form with files."""
        form: Any = request
        return decoded(form["photo"].file.read())

    def batch(self, inputs: list[Any]) -> list[Any]:
        """A list: the network makes a tensor of it, once its pictures are resized."""
        return inputs

    def predict(self, x: Any) -> Any:
        """The people in a photo, or in each of a batch."""
        return self.model.people(x) if isinstance(x, list) else self.model.people([x])[0]

    def unbatch(self, output: Any) -> Any:
        """The answers to the photos of a batch."""
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        """The body of the answer."""
        return {"people": output}


if __name__ == "__main__":
    settings = json.loads(os.environ["NUNCHI_BENCH"])
    api = YoloApi(max_batch_size=settings["batch"] or 1, batch_timeout=0.01 if settings["batch"] else 0.0)
    server = ls.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=settings["processes"],
        track_requests=False,
        timeout=60,
        disable_openapi_url=True,
    )
    server.run(host="127.0.0.1", port=settings["port"], generate_client_file=False, log_level="warning")
