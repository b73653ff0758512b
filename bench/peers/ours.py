"""The worker as an instance runs it, `python -m worker`: tickets on its socket, photos from S3, labels by MQTT."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bench.peers.broker import broker
from bench.peers.http1 import Connection
from bench.peers.processes import Tree, running
from bench.peers.s3 import MemoryS3
from bench.peers.servers import Found
from bench.peers.setting import PROCESSORS, Material, without_proxies
from contracts.instants import now
from contracts.messages import LabelMessage
from contracts.names import Reference, new_image_id
from contracts.settings import environment_for
from contracts.tickets import Ticket, to_line
from local.ports import LOOPBACK
from tests.broker import self_signed
from worker.settings import WorkerSettings

IMAGES: Final = "images"
ANSWER_S: Final = 30.0


class Worker:
    """A running worker."""

    def __init__(self, process: WorkerProcess, photos: Sequence[bytes]) -> None:
        self.tree = process.tree
        self._process, self._photos = process, photos
        self._connections: dict[int, Connection] = {}

    async def message(self, slot: int, photo: bytes, inputs: Mapping[str, str] = MappingProxyType({})) -> bytes:
        """What the worker publishes about a photo. ConnectionError while it does not serve."""
        reference = Reference(f"kiosk-{slot}", new_image_id(now()))
        path = f"/{IMAGES}/{reference.upload_key}"
        self._process.s3.objects[path], self._process.s3.metadata[path] = photo, inputs
        answers = self._process.answers
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        answers[reference.image_id] = future
        try:
            connection = self._connections.setdefault(slot, Connection(self._process.socket))
            line = to_line([Ticket(reference, now())])
            status, body = await connection.post("/infer", line.encode(), "text/plain")
            if status != 202:
                raise ConnectionError(f"{status}: {body!r}")
            async with asyncio.timeout(ANSWER_S):
                return await future
        finally:
            del answers[reference.image_id]

    async def ask(self, slot: int, number: int) -> Found:
        message = LabelMessage.from_json((await self.message(slot, self._photos[number])).decode())
        return [
            {"label": str(person.label), "confidence": person.confidence, "box": list(person.box.corners)}
            for person in message.people
        ]

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class Ours:
    """This project's worker."""

    name = "nunchi"

    def missing(self) -> str | None:
        return None

    @asynccontextmanager
    async def serving(self, material: Material) -> AsyncGenerator[Worker, None]:
        settings = {"model": material.manifest, "trial_picture": material.trial_picture, "model_threads": PROCESSORS}
        async with worker_process(material.folder, settings) as process:
            worker = Worker(process, material.photos)
            try:
                yield worker
            finally:
                worker.close()


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker with its S3 and its broker. `answers`: the futures of those who wait for a message, by image."""

    tree: Tree
    socket: Path
    s3: MemoryS3
    answers: dict[str, asyncio.Future[bytes]]


@asynccontextmanager
async def worker_process(
    folder: Path, settings: Mapping[str, Any], command: Sequence[str] = (sys.executable, "-m", "worker")
) -> AsyncGenerator[WorkerProcess, None]:
    """The worker within the block, with S3 and broker in this process. `settings`: of WorkerSettings, beside those."""
    answers: dict[str, asyncio.Future[bytes]] = {}
    cert, key = self_signed(folder)

    def published(_: str, payload: bytes) -> None:
        if (image := json.loads(payload).get("image_id")) is None:
            return  # a status
        if (future := answers.get(image)) is not None and not future.done():
            future.set_result(payload)

    s3, number = MemoryS3(), next(_NUMBERS)
    socket = folder / f"worker-{number}.sock"
    async with s3.serving() as s3_port, broker(cert, key, published) as mqtt_port:
        own = {
            "images_bucket": IMAGES,
            "dataset_bucket": "dataset",
            "instance_id": "bench",
            "mqtt_host": LOOPBACK,
            "mqtt_port": mqtt_port,
            "mqtt_ca": cert,
            "mqtt_cert": cert,
            "mqtt_key": key,
            "socket": socket,
            "state_dir": folder / f"state-{number}",
        }
        environ = (
            without_proxies()
            | environment_for(WorkerSettings, own | dict(settings))
            | {
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{s3_port}",
            }
        )
        with running(command, environ, folder / "log") as tree:
            yield WorkerProcess(tree, socket, s3, answers)


_NUMBERS: Final = itertools.count()
