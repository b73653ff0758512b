"""The way of a photo through a worker in trouble: nothing is lost, and no kiosk is told two things."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.instants import now
from contracts.messages import Status
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from tests.fakes import FACE, FakeDetector, MemoryPublisher, MemoryStore
from tests.pictures import gradient, turned_by_exif
from tests.worker.photos.pipeline_harness import JPEG, UNSURE, bench
from worker.photos.pipeline import Submission
from worker.photos.store import RejectedUpload, Upload
from worker.photos.task import LabelFile
from worker.recovery.outbox import Outbox
from worker.recovery.poison import MAX_TRIES, AttemptCounter

pytestmark = pytest.mark.anyio


async def test_of_two_workers_with_the_same_photo_only_the_one_that_stored_its_result_publishes(
    tmp_path: Path,
) -> None:
    store, publisher = MemoryStore(), MemoryPublisher()
    together = threading.Barrier(2, timeout=60)  # both have looked before either stores
    async with (
        bench(
            tmp_path / "1", store=store, publisher=publisher, detector=FakeDetector(FACE, before=lambda: meet(together))
        ) as one,
        bench(
            tmp_path / "2",
            store=store,
            publisher=publisher,
            detector=FakeDetector(UNSURE, before=lambda: meet(together)),
        ) as two,
    ):
        photo = one.upload()
        one.pipeline.submit([Ticket(photo)])
        two.pipeline.submit([Ticket(photo)])
        await one.settled()
        await two.settled()
        [message] = publisher.messages
        result = store.result(photo)
        assert result is not None
        assert message == result.message
        assert not list(one.outbox.entries()) + list(two.outbox.entries())


def meet(barrier: threading.Barrier) -> None:
    barrier.wait()


@pytest.mark.parametrize("method", ["fetch", "save_result"])
async def test_a_failure_of_s3_loses_nothing_the_next_sweep_tries_again(tmp_path: Path, method: str) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        worker.store.failing[method] = 1
        assert await worker.label(photo) == []
        assert worker.metric("nunchi_failures_total", error="ConnectionError") == 1
        await worker.pipeline.recover()
        assert await worker.pipeline.sweep() == 1
        await worker.settled()
        assert [message.reference for message in worker.publisher.messages] == [photo]


async def test_a_training_pair_that_could_not_be_saved_is_saved_later_and_the_label_is_published_once(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload(turned_by_exif(gradient(), 6))
        worker.store.failing["save_pair"] = 1
        await worker.label(photo)
        assert worker.store.pairs == {}
        await worker.pipeline.recover()
        await worker.settled()
        assert ("auto", photo) in worker.store.pairs
        assert len(worker.publisher.messages) == 1


async def test_a_photo_that_breaks_the_model_is_tried_a_few_times_and_stops_no_other(tmp_path: Path) -> None:
    def explode() -> None:
        raise RuntimeError("the network is confused")

    async with bench(tmp_path, detector=FakeDetector(FACE, before=explode)) as worker:
        worker.upload()
        for _ in range(MAX_TRIES):
            assert await worker.pipeline.sweep() == 1
            await worker.settled()
        assert await worker.pipeline.sweep() == 0
        assert worker.metric("nunchi_given_up_total") == 1
        worker.detector.before = lambda: None
        [message] = await worker.label(worker.upload())
        assert message.status is Status.LABELLED


async def test_a_failure_of_s3_does_not_count_against_the_photo(tmp_path: Path) -> None:
    """However often S3 fails, the photo is tried again when S3 is well."""
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        worker.store.failing["save_result"] = 3 * MAX_TRIES
        for _ in range(3 * MAX_TRIES):
            assert await worker.pipeline.sweep() == 1
            await worker.settled()
        assert await worker.pipeline.sweep() == 1
        await worker.settled()
        assert list(worker.store.stored) == [photo]


async def test_a_photo_that_crashes_the_process_is_given_up_after_a_few_crashes(tmp_path: Path) -> None:
    """A killed process leaves its mark; the photo beside it in the model was not the guilty one, and is labelled."""
    store = MemoryStore()
    async with bench(tmp_path, store=store) as worker:
        guilty, innocent = worker.upload(b"a picture that kills"), worker.upload()
        AttemptCounter(tmp_path / "attempts").begin(innocent)
        AttemptCounter(tmp_path / "attempts").begin(guilty)
    for _ in range(MAX_TRIES - 1):
        async with bench(tmp_path, store=store):
            AttemptCounter(tmp_path / "attempts").begin(guilty)
    async with bench(tmp_path, store=store) as restarted:
        assert await restarted.pipeline.sweep() == 1
        await restarted.settled()
        assert list(store.stored) == [innocent]
        assert restarted.pipeline.submit([Ticket(guilty)]) == Submission(duplicates=1)


async def test_suspects_go_into_the_model_one_at_a_time(tmp_path: Path) -> None:
    inside = most = 0
    lock = threading.Lock()

    def count() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        threading.Event().wait(0.01)
        with lock:
            inside -= 1

    store = MemoryStore()
    suspects = [Reference("demo", new_image_id(now())) for _ in range(6)]
    for suspect in suspects:
        store.upload(suspect, JPEG)
        AttemptCounter(tmp_path / "attempts").begin(suspect)
    async with bench(tmp_path, store=store, detector=FakeDetector(FACE, before=count)) as worker:
        assert len(await worker.label(*suspects)) == 6
    assert most == 1


async def test_a_lost_response_is_not_mistaken_for_another_workers_result(tmp_path: Path) -> None:
    """S3 stored the result, its answer was lost, the request was sent again and told: there is one already."""

    class Forgetful(MemoryStore):
        def save_result(self, reference: Reference, result: str) -> bool:
            super().save_result(reference, result)
            return False

    async with bench(tmp_path, store=Forgetful()) as worker:
        photo = worker.upload()
        [message] = await worker.label(photo)
        assert worker.publisher.messages == [message]
        assert ("auto", photo) in worker.store.pairs


async def test_a_full_disk_does_not_stop_the_label(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        (tmp_path / "outbox").rmdir()  # writing fails, as on a disk that is full
        [message] = await worker.label(photo)
        assert worker.publisher.messages == [message]
        assert worker.metric("nunchi_failures_total", error="outbox") == 1
        (tmp_path / "outbox").mkdir()


async def test_a_delivery_that_can_not_be_resumed_stops_neither_the_others_nor_the_sweep(tmp_path: Path) -> None:
    """Stored by a version that we can't read, expired meanwhile, refused by S3: each its own matter."""
    store = MemoryStore()
    async with bench(tmp_path, store=store) as worker:
        photos = [worker.upload() for _ in range(3)]
        await worker.label(*photos)
    outbox = Outbox(tmp_path / "outbox")
    for photo in photos:
        result = store.result(photo)
        assert result is not None
        outbox.put(result)
    newer, expired, good = photos
    store.stored[newer] = '{"schema": 2}'
    del store.files[expired]
    store.pairs.clear()
    async with bench(tmp_path, store=store) as restarted:
        await restarted.pipeline.recover()
        await restarted.settled()
        assert list(store.pairs) == [("auto", good)]
        assert restarted.outbox.entries() == []


async def test_old_training_pairs_are_loaded_into_memory_one_by_one(tmp_path: Path) -> None:
    class Counting(MemoryStore):
        held = most = 0

        def fetch(self, reference: Reference) -> Upload | RejectedUpload:
            with self._lock:
                self.held += 1
                self.most = max(self.most, self.held)
            return super().fetch(reference)

        def save_pair(
            self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: LabelFile
        ) -> None:
            with self._lock:
                self.held -= 1
            super().save_pair(reference, tree=tree, etag=etag, jpeg=jpeg, labels=labels)

    store = Counting()
    async with bench(tmp_path, store=store) as worker:
        photos = [worker.upload() for _ in range(20)]
        await worker.label(*photos)
    for photo in photos:
        result = store.result(photo)
        assert result is not None
        Outbox(tmp_path / "outbox").put(result)
    store.most, store.held = 0, 0
    async with bench(tmp_path, store=store) as restarted:
        await restarted.pipeline.recover()
        await restarted.settled()
        assert len(store.pairs) == 20
    assert store.most == 1


async def test_a_result_decided_before_a_crash_is_published_after_it(tmp_path: Path) -> None:
    """Killed between storing and publishing: the outbox remembers, S3 confirms."""
    store = MemoryStore()
    async with bench(tmp_path, store=store) as worker:
        photo = worker.upload()
        await worker.label(photo)
        result = store.result(photo)
        assert result is not None
    store.pairs.clear()
    Outbox(tmp_path / "outbox").put(result)
    async with bench(tmp_path, store=store) as restarted:
        await restarted.pipeline.recover()
        await restarted.settled()
        assert restarted.publisher.messages == [result.message]
        assert ("auto", photo) in store.pairs
        assert list(restarted.outbox.entries()) == []
        assert restarted.detector.calls == 0


async def test_a_result_in_the_outbox_that_was_never_stored_is_decided_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        await worker.label(photo)
        result = worker.store.result(photo)
        assert result is not None
        worker.store.stored.clear()
        worker.publisher.messages.clear()
    Outbox(tmp_path / "outbox").put(replace(result, instance_id="i-dead"))
    async with bench(tmp_path, store=worker.store) as restarted:
        await restarted.pipeline.recover()
        assert list(restarted.outbox.entries()) == []
        assert restarted.publisher.messages == []
        assert await restarted.pipeline.sweep() == 1
        await restarted.settled()
        assert [message.reference for message in restarted.publisher.messages] == [photo]
