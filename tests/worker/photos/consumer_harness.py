"""A worker on fakes that reads a queue: what test_intake.py and test_intake_crashes.py share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from contracts.instants import now
from contracts.names import Reference
from tests.fakes import FakeDetector, MemoryPublisher, MemoryQueue, MemoryStore
from tests.lambdas.events import announcing, upload_of
from tests.worker.photos.pipeline_harness import SETTINGS, Bench, bench
from worker.photos.pipeline import PipelineSettings
from worker.photos.sqs_consumer import SqsConsumer
from worker.recovery.sweep import FORGOTTEN_AFTER

SHARED = replace(SETTINGS, sweep_older_than=FORGOTTEN_AFTER)


@dataclass
class Reader:
    """A worker that reads a queue."""

    worker: Bench
    queue: MemoryQueue
    intake: SqsConsumer
    running: asyncio.Task[None]

    def announce(self, *photos: Reference) -> None:
        self.queue.send(announcing(*(upload_of(photo, now()) for photo in photos)))

    def fates(self) -> dict[str, float]:
        """How many messages became what."""
        fates = ("received", "deleted", "failed", "released", "malformed")
        counts = {fate: self.worker.metric("nunchi_messages_total", fate=fate) for fate in fates}
        return {fate: count for fate, count in counts.items() if count}

    async def stop(self) -> None:
        self.running.cancel()
        await self.worker.pipeline.stop(timeout_s=60)
        await self.intake.stop(timeout_s=60)


@asynccontextmanager
async def reader(
    tmp_path: Path,
    *,
    queue: MemoryQueue | None = None,
    store: MemoryStore | None = None,
    publisher: MemoryPublisher | None = None,
    detector: FakeDetector | None = None,
    settings: PipelineSettings = SHARED,
    visibility_s: float = 15,
) -> AsyncGenerator[Reader, None]:
    queue = queue or MemoryQueue()
    async with bench(tmp_path, store=store, publisher=publisher, detector=detector, settings=settings) as worker:
        intake = SqsConsumer(queue=queue, photos=worker.pipeline, metrics=worker.metrics, visibility_s=visibility_s)
        reading = Reader(worker, queue, intake, asyncio.create_task(intake.run()))
        yield reading
        await reading.stop()
        with suppress(asyncio.CancelledError):
            await reading.running


class Gate:
    """Photos stop in the model until it is opened."""

    def __init__(self) -> None:
        self.entered = 0
        self._open = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.entered += 1
        assert self._open.wait(60)

    def open(self) -> None:
        self._open.set()
