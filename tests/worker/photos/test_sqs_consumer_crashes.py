"""Kill -9 of a worker at every step of a photo: another one takes its message over, and the dead one comes back."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from contracts.names import Reference
from tests.fakes import FACE, FakeDetector, MemoryPublisher, MemoryQueue, MemoryStore
from tests.pictures import gradient, turned_by_exif
from tests.waiting import until_async
from tests.worker.photos.consumer_harness import reader
from worker.messages import Message
from worker.photos.publisher import PublishOutcome
from worker.photos.store import RejectedUpload, Upload
from worker.photos.task import LabelFile

pytestmark = pytest.mark.anyio

FOR_EVER = 1e9  # seconds: the heart of a dead worker does not beat
DEATHS = [
    *("before fetch", "after fetch", "before detect", "before save_result", "after save_result"),
    *("before save_pair", "after save_pair", "before publish", "after publish"),
]


class Death:
    """Whoever comes to the place gets no further. At the end of the test they may go on, with an error.

    Saving a pair and telling go side by side: who dies at the one does not do the other.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self.reached, self.over = threading.Event(), threading.Event()

    def at(self, place: str) -> None:
        if place == self._place:
            self.reached.set()
        if place == self._place or (place == "before publish" and "save_pair" in self._place):
            assert self.over.wait(60)
            raise ConnectionError("this worker is dead")


class DyingStore(MemoryStore):
    """What another store holds, for somebody who dies."""

    def __init__(self, store: MemoryStore, death: Death) -> None:
        super().__init__()
        self.files, self.stored, self.pairs = store.files, store.stored, store.pairs
        self._death = death

    def fetch(self, reference: Reference) -> Upload | RejectedUpload:
        self._death.at("before fetch")
        upload = super().fetch(reference)
        self._death.at("after fetch")
        return upload

    def save_result(self, reference: Reference, result: str) -> bool:
        self._death.at("before save_result")
        stored = super().save_result(reference, result)
        self._death.at("after save_result")
        return stored

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: LabelFile) -> None:
        self._death.at("before save_pair")
        super().save_pair(reference, tree=tree, etag=etag, jpeg=jpeg, labels=labels)
        self._death.at("after save_pair")


class DyingPublisher(MemoryPublisher):
    """The broker that others have, for somebody who dies."""

    def __init__(self, publisher: MemoryPublisher, death: Death) -> None:
        super().__init__()
        self.published = publisher.published
        self._death = death

    async def publish(self, message: Message) -> PublishOutcome:
        await asyncio.to_thread(self._death.at, "before publish")
        delivery = await super().publish(message)
        await asyncio.to_thread(self._death.at, "after publish")
        return delivery


@pytest.mark.parametrize("place", DEATHS)
async def test_wherever_a_worker_dies_its_photo_has_one_result_one_pair_and_its_label_is_published(
    tmp_path: Path, place: str
) -> None:
    """Told twice only if it died between telling and noting so, and then the same (decision 1)."""
    death, queue, store, publisher = Death(place), MemoryQueue(), MemoryStore(), MemoryPublisher()
    async with reader(
        tmp_path / "1",
        queue=queue,
        store=DyingStore(store, death),
        publisher=DyingPublisher(publisher, death),
        detector=FakeDetector(FACE, before=lambda: death.at("before detect")),
        visibility_s=FOR_EVER,
    ) as dead:
        photo = dead.worker.upload(turned_by_exif(gradient(), 6))
        dead.announce(photo)
        await until_async(death.reached.is_set)
        dead.running.cancel()
        try:
            async with reader(tmp_path / "2", queue=queue, store=store, publisher=publisher) as other:
                await until_async(lambda: queue.pass_time() and queue.left == [])
                await other.worker.settled()
            by_the_dead = photo in store.stored and "i-1" in store.stored[photo] and other.worker.detector.calls == 0
            async with reader(tmp_path / "1", queue=queue, store=store, publisher=publisher) as again:
                await again.worker.pipeline.recover()
                await again.worker.settled()
                assert again.worker.outbox.entries() == []
        finally:
            death.over.set()
    result = store.result(photo)
    assert result is not None
    assert list(store.pairs) == [("auto", photo)]
    assert publisher.messages == [result.message] * (2 if place == "after publish" else 1)
    assert by_the_dead is (place in DEATHS[DEATHS.index("after save_result") :])
