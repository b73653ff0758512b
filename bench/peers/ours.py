"""The worker as an instance runs it, `python -m worker`: tickets on its socket, photos from S3, labels by MQTT."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.peers.broker import broker
from bench.peers.http1 import Connection
from bench.peers.processes import Tree, running
from bench.peers.s3 import MemoryS3
from bench.peers.servers import Found
from bench.peers.setting import PROCESSORS, Material, without_proxies
from contracts.instants import now
from contracts.names import Reference, new_image_id
from contracts.settings import environment_for
from contracts.tickets import Ticket, to_line
from local.ports import LOOPBACK
from recipes.kiosk.message import LabelMessage
from tests.broker import self_signed
from worker.settings import WorkerSettings

IMAGES: Final = "images"
ANSWER_S: Final = 30.0


class Worker:
    """A running worker."""

    def __init__(
        self,
        tree: Tree,
        socket: Path,
        s3: MemoryS3,
        labels: dict[str, asyncio.Future[bytes]],
        photos: tuple[bytes, ...],
    ) -> None:
        self.tree = tree
        self._socket, self._s3, self._labels, self._photos = socket, s3, labels, photos
        self._connections: dict[int, Connection] = {}

    async def ask(self, slot: int, number: int) -> Found:
        reference = Reference(f"kiosk-{slot}", new_image_id(now()))
        self._s3.objects[f"/{IMAGES}/{reference.upload_key}"] = self._photos[number]
        future = self._labels[reference.image_id] = asyncio.get_running_loop().create_future()
        try:
            connection = self._connections.setdefault(slot, Connection(self._socket))
            line = to_line([Ticket(reference, now())])
            status, body = await connection.post("/infer", line.encode(), "text/plain")
            if status != 202:
                raise ConnectionError(f"{status}: {body!r}")
            async with asyncio.timeout(ANSWER_S):
                message = LabelMessage.from_json((await future).decode())
        finally:
            del self._labels[reference.image_id]
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
        labels: dict[str, asyncio.Future[bytes]] = {}
        cert, key = self_signed(material.folder)

        def published(_: str, payload: bytes) -> None:
            if b'"image_id"' in payload:  # else a status
                image = LabelMessage.from_json(payload.decode()).reference.image_id
                if (future := labels.get(image)) is not None and not future.done():
                    future.set_result(payload)

        s3, socket = MemoryS3(), material.folder / f"worker-{next(_NUMBERS)}.sock"
        async with s3.serving() as s3_port, broker(cert, key, published) as mqtt_port:
            settings = {
                "images_bucket": IMAGES,
                "dataset_bucket": "dataset",
                "instance_id": "bench",
                "mqtt_host": LOOPBACK,
                "mqtt_port": mqtt_port,
                "mqtt_ca": cert,
                "mqtt_cert": cert,
                "mqtt_key": key,
                "socket": socket,
                "state_dir": material.folder / "state",
                "model": material.manifest,
                "trial_picture": material.trial_picture,
                "model_threads": PROCESSORS,
            }
            environ = (
                without_proxies()
                | environment_for(WorkerSettings, settings)
                | {
                    "AWS_ACCESS_KEY_ID": "bench",
                    "AWS_SECRET_ACCESS_KEY": "bench",
                    "AWS_REGION": "us-east-1",
                    "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{s3_port}",
                }
            )
            with running([sys.executable, "-m", "worker"], environ, material.folder / "log") as tree:
                worker = Worker(tree, socket, s3, labels, material.photos)
                try:
                    yield worker
                finally:
                    worker.close()


_NUMBERS: Final = itertools.count()
