"""A pipeline on fakes, and ways to look at it: what test_pipeline.py and test_pipeline_faults.py share."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from contracts.boxes import Box
from contracts.instants import now
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage, Person
from tests.fakes import FACE, FakeDetector, MemoryPublisher, MemoryStore
from tests.pictures import encoded, gradient
from tests.waiting import until_async
from worker.kiosk.decision import LabelTask
from worker.photos.pipeline import Pipeline, PipelineSettings
from worker.photos.rules import Thresholds
from worker.recovery.outbox import Outbox
from worker.recovery.poison import AttemptCounter
from worker.telemetry.metrics import Metrics

UNSURE = Person(Label.ADULT_MALE, 0.3, Box(0.4, 0.2, 0.6, 0.6))
JPEG = encoded(gradient())
SETTINGS = PipelineSettings(
    instance_id="i-1",
    task=LabelTask(Thresholds(gate=0.95, unsure_below=0.5, review_share=0.0)),
    label_ttl=timedelta(seconds=30),
    max_pixels=40_000_000,
    photos_at_once=4,
    model_threads=2,
)


@dataclass
class Bench:
    """A pipeline on fakes, and ways to look at it."""

    store: MemoryStore
    publisher: MemoryPublisher
    detector: FakeDetector
    outbox: Outbox
    metrics: Metrics
    pipeline: Pipeline

    def upload(self, data: bytes = JPEG, *, at: datetime | None = None) -> Reference:
        reference = Reference("demo", new_image_id(at or now()))
        self.store.upload(reference, data, at=at)
        return reference

    async def label(self, *references: Reference) -> list[LabelMessage]:
        """Submit them, wait until all is settled, and return their stored messages."""
        self.pipeline.submit(Ticket(reference) for reference in references)
        await self.settled()
        return [result.message for one in references if (result := self.store.result(one))]

    async def settled(self) -> None:
        await until_async(lambda: not self.pipeline.busy)

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def bench(
    tmp_path: Path,
    *,
    detector: FakeDetector | None = None,
    store: MemoryStore | None = None,
    publisher: MemoryPublisher | None = None,
    settings: PipelineSettings = SETTINGS,
) -> AsyncGenerator[Bench, None]:
    store, publisher = store or MemoryStore(), publisher or MemoryPublisher()
    detector, outbox, metrics = detector or FakeDetector(FACE), Outbox(tmp_path / "outbox"), Metrics()
    pipeline = Pipeline(
        settings=settings,
        detector=detector,
        store=store,
        publisher=publisher,
        outbox=outbox,
        attempts=AttemptCounter(tmp_path / "attempts"),
        metrics=metrics,
    )
    pipeline.start()
    yield Bench(store, publisher, detector, outbox, metrics, pipeline)
    await pipeline.stop(timeout_s=60)
