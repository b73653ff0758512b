"""Photos out of the upload queue: when a message is deleted, when it comes back, and what nobody does twice."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import now
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from tests.fakes import FACE, FakeDetector, MemoryPublisher, MemoryQueue, MemoryStore
from tests.lambdas.events import TEST_EVENT, announcing, upload_of
from tests.waiting import until_async
from tests.worker.photos.consumer_harness import SHARED, Gate, reader
from tests.worker.photos.pipeline_harness import SETTINGS
from worker.messages import Message
from worker.photos.pending import PhotoOutcome
from worker.photos.publisher import PublishOutcome
from worker.photos.sqs_consumer import RETRY_S
from worker.recovery.outbox import Outbox
from worker.recovery.poison import MAX_TRIES
from worker.recovery.sweep import FORGOTTEN_AFTER

pytestmark = pytest.mark.anyio


async def test_a_message_is_deleted_when_its_photos_are_stored_and_delivered(tmp_path: Path) -> None:
    async with reader(tmp_path) as one:
        photos = [one.worker.upload(), one.worker.upload()]
        one.announce(*photos)
        await until_async(lambda: one.fates() == {"received": 1, "deleted": 1})
        assert one.queue.left == []
        assert set(one.worker.store.stored) == set(photos)
        assert {message.reference for message in one.worker.publisher.messages} == set(photos)
        assert set(one.worker.store.pairs) == {("auto", photo) for photo in photos}
        assert one.worker.outbox.entries() == []


async def test_a_message_is_kept_until_its_label_is_published(tmp_path: Path) -> None:
    """The result is stored and the pair saved; the broker is away."""

    class Away(MemoryPublisher):
        def __init__(self) -> None:
            super().__init__()
            self.back = asyncio.Event()

        async def publish(self, message: Message) -> PublishOutcome:
            await self.back.wait()
            return await super().publish(message)

    publisher = Away()
    async with reader(tmp_path, publisher=publisher) as one:
        photo = one.worker.upload()
        one.announce(photo)
        await until_async(lambda: ("auto", photo) in one.worker.store.pairs)
        assert [times for _, times in one.queue.left] == [1]
        publisher.back.set()
        await until_async(lambda: one.queue.left == [])


@pytest.mark.parametrize("method", ["fetch", "save_result", "save_pair"])
async def test_a_photo_that_fails_is_tried_again_soon_and_then_its_message_is_deleted(
    tmp_path: Path, method: str
) -> None:
    """Its message says so: no sweep is needed."""
    async with reader(tmp_path) as one:
        photo = one.worker.upload()
        one.worker.store.failing[method] = 1
        one.announce(photo)
        await until_async(lambda: one.fates() == {"received": 1, "failed": 1})
        assert one.queue.left == [(RETRY_S[0], 1)]
        one.queue.now_s += RETRY_S[0]
        await until_async(lambda: one.queue.left == [])
        assert [message.reference for message in one.worker.publisher.messages] == [photo]
        assert ("auto", photo) in one.worker.store.pairs
        assert one.worker.outbox.entries() == []


async def test_each_retry_waits_longer(tmp_path: Path) -> None:
    """So that an S3 that is away for minutes sends nothing to the dead letters."""
    async with reader(tmp_path) as one:
        one.worker.store.failing["fetch"] = 100
        one.announce(one.worker.upload())
        waits = []
        for times in range(1, len(RETRY_S) + 2):
            await until_async(lambda times=times: one.fates().get("failed") == times)
            [(wait_s, _)] = one.queue.left
            waits.append(wait_s)
            one.queue.now_s += wait_s
        assert waits == [*RETRY_S, RETRY_S[-1]]


async def test_the_message_of_a_photo_that_was_given_up_goes_to_the_dead_letter_queue(tmp_path: Path) -> None:
    def explode() -> None:
        raise RuntimeError("the network is confused")

    async with reader(tmp_path, detector=FakeDetector(FACE, before=explode)) as one:
        one.announce(one.worker.upload())
        for times in range(1, MAX_TRIES + 3):
            await until_async(lambda times=times: one.fates().get("failed") == times)
            one.queue.now_s += RETRY_S[-1]
        assert one.worker.metric("nunchi_given_up_total") == 1
        assert one.worker.detector.calls == MAX_TRIES
        assert one.fates().get("deleted") is None


async def test_a_result_that_a_dead_worker_stored_is_not_published_again_and_its_pair_is_saved(tmp_path: Path) -> None:
    """Killed between storing and the pair: its message comes back to another."""
    queue, store = MemoryQueue(), MemoryStore()
    async with reader(tmp_path / "dead", queue=queue, store=store) as dead:
        photo = dead.worker.upload()
        dead.announce(photo)
        await until_async(lambda: queue.left == [])
    store.pairs.clear()
    queue.send(announcing(upload_of(photo, now())))
    queue.receive(1)  # by the worker that died then
    queue.now_s += 15
    async with reader(tmp_path / "other", queue=queue, store=store) as other:
        await until_async(lambda: queue.left == [])
        assert list(store.pairs) == [("auto", photo)]
        assert other.worker.publisher.messages == []
        assert other.worker.detector.calls == 0


async def test_a_restarted_worker_publishes_its_stored_result_before_the_message_is_deleted(tmp_path: Path) -> None:
    """Killed between storing and telling: its outbox knows that the kiosk was not told, and nobody else can."""
    queue, store = MemoryQueue(), MemoryStore()
    async with reader(tmp_path, queue=queue, store=store) as before:
        photo = before.worker.upload()
        before.announce(photo)
        await until_async(lambda: queue.left == [])
        result = store.result(photo)
        assert result is not None
    Outbox(tmp_path / "outbox").put(result)
    queue.send(announcing(upload_of(photo, now())))
    queue.receive(1)
    queue.now_s += 15
    async with reader(tmp_path, queue=queue, store=store) as after:
        await until_async(lambda: queue.left == [])
        await after.worker.pipeline.recover()
        await after.worker.settled()
        assert after.worker.publisher.messages == [result.message]
        assert after.worker.outbox.entries() == []


async def test_a_photo_delivered_while_others_are_recovered_is_not_published_again(tmp_path: Path) -> None:
    """Killed between storing and telling two; S3 is slow about the first when the second's message comes back."""

    class Slow(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.slow: Reference | None = None
            self.asked, self.answer = threading.Event(), threading.Event()

        def result(self, reference: Reference) -> Any:
            if reference == self.slow:
                self.asked.set()
                assert self.answer.wait(60)
            return super().result(reference)

    store = Slow()
    async with reader(tmp_path / "before", store=store) as before:
        photos = [before.worker.upload(), before.worker.upload()]
        before.announce(*photos)
        await until_async(lambda: before.queue.left == [])
    async with reader(tmp_path / "after", store=store) as after:
        for number, photo in enumerate(photos):
            result = store.result(photo)
            assert result is not None
            after.worker.outbox.put(result)
            os.utime(tmp_path / "after" / "outbox" / f"demo_{photo.image_id}.json", (number, number))
        store.slow = photos[0]
        recovering = asyncio.create_task(after.worker.pipeline.recover())
        await until_async(store.asked.is_set)
        assert await after.worker.pipeline.enqueue(Ticket(photos[1]), redelivered=True) is PhotoOutcome.DONE
        store.answer.set()
        await recovering
        await after.worker.settled()
        assert [message.reference for message in after.worker.publisher.messages] == photos[::-1]
        assert after.worker.outbox.entries() == []


async def test_a_duplicate_event_does_not_make_a_restarted_worker_lose_an_undelivered_result(tmp_path: Path) -> None:
    """Killed between storing and telling; the event's double was never given out, so its message says nothing."""
    store = MemoryStore()
    async with reader(tmp_path, store=store) as before:
        before.announce(photo := before.worker.upload())
        await until_async(lambda: before.queue.left == [])
        result = store.result(photo)
        assert result is not None
    Outbox(tmp_path / "outbox").put(result)
    async with reader(tmp_path, store=store) as after:
        after.announce(photo)
        await until_async(lambda: after.fates() == {"received": 1, "deleted": 1})
        assert after.worker.publisher.messages == [result.message]
        assert after.worker.detector.calls == 0


async def test_a_message_given_to_two_workers_brings_one_result_and_one_label(tmp_path: Path) -> None:
    """The first was slow and its time ran out: both have the photo in the model."""
    queue, store, publisher, gate = MemoryQueue(), MemoryStore(), MemoryPublisher(), Gate()
    detector = FakeDetector(FACE, before=gate)
    async with reader(tmp_path / "1", queue=queue, store=store, publisher=publisher, detector=detector) as one:
        photo = one.worker.upload()
        one.announce(photo)
        await until_async(lambda: gate.entered == 1)
        one.running.cancel()  # so that it is the other one that takes the message now
        async with reader(tmp_path / "2", queue=queue, store=store, publisher=publisher, detector=detector) as two:
            await until_async(lambda: queue.pass_time() and gate.entered == 2)
            gate.open()
            await until_async(lambda: queue.left == [])
            await two.worker.settled()
        await one.worker.settled()
    assert [message.reference for message in publisher.messages] == [photo]
    assert list(store.pairs) == [("auto", photo)]


async def test_messages_are_kept_while_their_photos_are_in_hand(tmp_path: Path) -> None:
    """However long the model takes, nobody else begins with them."""
    gate, queue = Gate(), MemoryQueue(visibility_s=15)
    async with reader(
        tmp_path, queue=queue, detector=FakeDetector(FACE, before=gate), visibility_s=0.03
    ) as one:  # the heart beats every 10 ms here, and the queue's clock stands but for what follows
        one.announce(one.worker.upload())
        await until_async(lambda: gate.entered == 1)
        for _ in range(5):
            queue.now_s += 10
            await until_async(lambda: queue.left == [(15, 1)])
        gate.open()
        await until_async(lambda: queue.left == [])


async def test_no_more_messages_are_taken_than_photos_fit_so_that_two_workers_share(tmp_path: Path) -> None:
    queue, store, gate = MemoryQueue(), MemoryStore(), Gate()
    detector = FakeDetector(FACE, before=gate)
    async with (
        reader(tmp_path / "1", queue=queue, store=store, detector=detector) as one,
        reader(tmp_path / "2", queue=queue, store=store, detector=detector) as two,
    ):
        for _ in range(20):
            one.announce(one.worker.upload())
        await until_async(lambda: one.fates() == two.fates() == {"received": SETTINGS.photos_at_once})
        await asyncio.sleep(0.1)  # nobody takes more
        assert sum(times for _, times in queue.left) == 2 * SETTINGS.photos_at_once
        gate.open()
        await until_async(lambda: queue.left == [])
        assert len(store.stored) == 20


async def test_swept_photos_do_not_delay_customers(tmp_path: Path) -> None:
    """A backlog of the night waits in the worker; the queue is read all the same, and its photos go first."""
    gate = Gate()
    settings = replace(SHARED, photos_at_once=1)
    async with reader(tmp_path, detector=FakeDetector(FACE, before=gate), settings=settings) as one:
        night = [one.worker.upload(at=now() - timedelta(hours=8)) for _ in range(5)]
        assert await one.worker.pipeline.sweep() == 5
        await until_async(lambda: gate.entered == 1)
        customer = one.worker.upload()
        one.announce(customer)
        await until_async(lambda: one.fates() == {"received": 1})
        gate.open()
        await until_async(lambda: one.queue.left == [])
        await one.worker.settled()
        assert customer in list(one.worker.store.stored)[:2]
        assert set(one.worker.store.stored) == {customer, *night}


async def test_a_sweep_counts_forgotten_photos_that_are_in_hand(tmp_path: Path) -> None:
    """It told CloudWatch of them, and must soon look again to take that back."""
    gate = Gate()
    async with reader(tmp_path, detector=FakeDetector(FACE, before=gate)) as one:
        one.announce(one.worker.upload(at=now() - FORGOTTEN_AFTER))
        await until_async(lambda: gate.entered == 1)
        assert (await one.worker.pipeline.sweep(), one.worker.metric("nunchi_forgotten")) == (1, 1)
        gate.open()
        await until_async(lambda: one.queue.left == [])
        assert (await one.worker.pipeline.sweep(), one.worker.metric("nunchi_forgotten")) == (0, 0)
        assert one.worker.metric("nunchi_swept_total") == 0


async def test_the_message_of_a_missing_upload_is_deleted(tmp_path: Path) -> None:
    async with reader(tmp_path) as one:
        one.announce(Reference("demo", new_image_id(now())))
        await until_async(lambda: one.fates() == {"received": 1, "deleted": 1})
        assert one.queue.left == []


@pytest.mark.parametrize("body", [TEST_EVENT, announcing(("uploads/readme.md", now()))], ids=["test event", "foreign"])
async def test_a_message_without_uploads_is_deleted(tmp_path: Path, body: str) -> None:
    async with reader(tmp_path) as one:
        one.queue.send(body)
        await until_async(lambda: one.fates() == {"received": 1, "deleted": 1})
        assert one.queue.left == []


async def test_a_message_that_is_no_s3_event_is_left_to_the_redrive_policy_and_logged_at_each_receipt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with reader(tmp_path) as one:
        one.queue.send("not json")
        await until_async(lambda: one.fates() == {"received": 1, "malformed": 1})
        one.announce(photo := one.worker.upload())
        await until_async(lambda: photo in one.worker.store.stored and len(one.queue.left) == 1)
        one.queue.now_s += 15
        await until_async(lambda: one.fates().get("malformed") == 2)
        assert one.queue.left == [(15, 2)]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message.split(":")[0] for record in errors] == [
        "message m0 is not an S3 event and goes to the dead-letter queue"
    ] * 2


@pytest.mark.parametrize("method", ["receive", "extend", "delete", "release"])
async def test_a_queue_that_is_unavailable_for_a_while_loses_no_photo(tmp_path: Path, method: str) -> None:
    gate = Gate()
    async with reader(tmp_path, detector=FakeDetector(FACE, before=gate), visibility_s=0.03) as one:
        one.queue.failing[method] = 2
        one.worker.store.failing["save_result"] = 1
        one.announce(photo := one.worker.upload())
        await until_async(lambda: gate.entered == 1)
        await asyncio.sleep(0.05)  # some heartbeats
        gate.open()

        await until_async(lambda: one.queue.pass_time() and one.queue.left == [])
        assert [message.reference for message in one.worker.publisher.messages] == [photo]


async def test_a_swept_photo_is_prioritised_when_its_message_comes(tmp_path: Path) -> None:
    """And its message hangs on the same work: it is looked at once."""
    gate = Gate()
    settings = replace(SHARED, photos_at_once=1)
    async with reader(tmp_path, detector=FakeDetector(FACE, before=gate), settings=settings) as one:
        old = [one.worker.upload(at=now() - timedelta(hours=8)) for _ in range(40)]
        assert await one.worker.pipeline.sweep() == 40
        await until_async(lambda: gate.entered == 1)
        outcome = one.worker.pipeline.enqueue(Ticket(old[7]), redelivered=False)
        gate.open()
        assert await outcome is PhotoOutcome.DONE
        await one.worker.settled()
        assert old[7] in list(one.worker.store.stored)[:2]  # behind the one that was in the model
        assert one.worker.detector.calls == 40
