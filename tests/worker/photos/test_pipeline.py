"""The way of a photo through the worker: what is told, stored and kept."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.instants import now
from contracts.messages import DatasetTree, Reason, Status
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from imaging.decoding import decode
from recipes.kiosk.labels import Label
from recipes.kiosk.message import Result
from tests.fakes import FACE, MODEL, FakeDetector, MemoryStore
from tests.pictures import bomb_png, encoded, gradient, turned_by_exif
from tests.waiting import until_async
from tests.worker.photos.pipeline_harness import SETTINGS, UNSURE, bench
from worker.kiosk.decision import LabelTask
from worker.photos.pipeline import Submission
from worker.photos.rules import Thresholds
from worker.photos.store import RejectedUpload, Upload

pytestmark = pytest.mark.anyio


async def test_a_photo_becomes_a_stored_result_a_message_and_a_training_pair(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        [message] = await worker.label(photo)
        assert worker.publisher.messages == [message]
        assert (message.status, message.label, message.confidence) == (Status.LABELLED, Label.ELDER_FEMALE, 0.97)
        assert message.model == MODEL
        assert message.expires_at == worker.store.files[photo].uploaded_at + timedelta(seconds=30)
        assert set(message.steps_ms) == {"wait", "fetch", "decode", "infer", "label"}
        assert worker.store.pairs == {("auto", photo): (None, "1 0.500000 0.450000 0.200000 0.300000\n")}
        assert list(worker.outbox.entries()) == []
        assert worker.metric("nunchi_photos_total", status="labelled", reason="") == 1
        assert worker.metric("nunchi_training_total", outcome="auto") == 1
        assert worker.metric("nunchi_deliveries_total", delivery="delivered") == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"text", Reason.NOT_AN_IMAGE),
        (encoded(gradient(400, 300))[:-900], Reason.TRUNCATED),
        (bomb_png(20_000), Reason.TOO_MANY_PIXELS),
    ],
)
async def test_bad_input_is_rejected_with_its_reason_and_the_next_photo_works(
    tmp_path: Path, data: bytes, reason: Reason
) -> None:
    async with bench(tmp_path) as worker:
        bad, good = await worker.label(worker.upload(data), worker.upload())
        assert (bad.status, bad.reason, bad.people) == (Status.REJECTED, reason, ())
        assert good.status is Status.LABELLED
        assert len(worker.store.pairs) == 1


async def test_no_person_and_unsure_are_published_as_such(tmp_path: Path) -> None:
    async with bench(tmp_path, detector=FakeDetector()) as worker:
        [message] = await worker.label(worker.upload())
        assert (message.status, message.reason) == (Status.NO_PERSON, Reason.NO_FACE_FOUND)
    async with bench(tmp_path, detector=FakeDetector(UNSURE)) as worker:
        [message] = await worker.label(worker.upload())
        assert (message.status, message.label, message.confidence) == (Status.UNSURE, None, 0.3)


async def test_duplicate_tickets_are_processed_and_published_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        first = worker.pipeline.submit([Ticket(photo), Ticket(photo)])
        await worker.settled()
        again = worker.pipeline.submit([Ticket(photo)])
        assert (first, again) == (Submission(accepted=1, duplicates=1), Submission(duplicates=1))
        assert (worker.detector.calls, len(worker.publisher.messages)) == (1, 1)


async def test_a_key_written_again_with_another_picture_keeps_its_first_label(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        [message] = await worker.label(photo)
        worker.store.upload(photo, b"not even a picture")
        async with bench(tmp_path / "restarted", store=worker.store, publisher=worker.publisher) as restarted:
            assert await restarted.label(photo) == [message]
        assert worker.publisher.messages == [message]


async def test_the_sweep_finds_uploads_without_an_event_and_an_old_photo_is_labelled_but_not_published(
    tmp_path: Path,
) -> None:
    """The shop was closed: the label is kept for training, and must not greet whoever stands there now."""
    async with bench(tmp_path) as worker:
        yesterday, today = worker.upload(at=now() - timedelta(days=1)), worker.upload()
        assert await worker.pipeline.sweep() == 2
        await worker.settled()
        assert {one.image_id for one in worker.store.stored} == {yesterday.image_id, today.image_id}
        assert [message.reference for message in worker.publisher.messages] == [today]
        assert ("auto", yesterday) in worker.store.pairs
        assert await worker.pipeline.sweep() == 0
        assert worker.metric("nunchi_deliveries_total", delivery="expired") == 1
        assert worker.metric("nunchi_swept_total") == 2


async def test_a_customer_is_served_before_the_backlog(tmp_path: Path) -> None:
    """At opening time the night's photos wait, and not those who stand before a kiosk."""
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go_on.wait(60)

    settings = replace(SETTINGS, photos_at_once=1)
    async with bench(tmp_path, detector=FakeDetector(FACE, before=hold), settings=settings) as worker:
        night = sorted(worker.upload() for _ in range(5))
        assert await worker.pipeline.sweep() == 5
        await until_async(entered.is_set)
        customer = worker.upload()
        worker.pipeline.submit([Ticket(customer)])
        go_on.set()
        await worker.settled()
        assert list(worker.store.stored) == [night[0], customer, *night[1:]]


async def test_a_ticket_without_an_upload_leaves_no_trace(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        assert await worker.label(Reference("demo", new_image_id(now()))) == []
        assert worker.store.stored == {}
        assert worker.publisher.messages == []


async def test_a_rotated_photo_enters_the_dataset_upright(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload(turned_by_exif(gradient(), 6))
        await worker.label(photo)
        jpeg, _ = worker.store.pairs["auto", photo]
        assert jpeg is not None
        upright = decode(jpeg, max_pixels=SETTINGS.max_pixels)
        assert upright.image.shape == (64, 48, 3)
        assert upright.jpeg == jpeg


async def test_a_share_of_unsure_photos_goes_to_review(tmp_path: Path) -> None:
    settings = replace(SETTINGS, task=LabelTask(Thresholds(gate=0.95, unsure_below=0.5, review_share=1.0)))
    async with bench(tmp_path, detector=FakeDetector(UNSURE), settings=settings) as worker:
        photo = worker.upload()
        await worker.label(photo)
        assert list(worker.store.pairs) == [("review", photo)]
        result = worker.store.result(photo)
        assert isinstance(result, Result)
        assert result.training is DatasetTree.REVIEW


async def test_no_more_photos_are_held_in_memory_than_the_setting_says(tmp_path: Path) -> None:
    class Counting(MemoryStore):
        held = most = 0

        def fetch(self, reference: Reference) -> Upload | RejectedUpload:
            with self._lock:
                self.held += 1
                self.most = max(self.most, self.held)
            return super().fetch(reference)

        def save_result(self, reference: Reference, result: str) -> bool:
            with self._lock:
                self.held -= 1
            return super().save_result(reference, result)

    store = Counting()
    async with bench(tmp_path, store=store) as worker:
        assert len(await worker.label(*[worker.upload() for _ in range(40)])) == 40
    assert 1 < store.most <= SETTINGS.photos_at_once


async def test_waits_for_s3_overlap_with_the_model(tmp_path: Path) -> None:
    """While one photo is in the model another is being fetched: each waits here for the other."""
    meeting = threading.Barrier(2, timeout=60)

    class Slow(MemoryStore):
        fetched = 0

        def fetch(self, reference: Reference) -> Upload | RejectedUpload:
            with self._lock:
                self.fetched += 1
                second = self.fetched == 2
            if second:
                meeting.wait()
            return super().fetch(reference)

    settings = replace(SETTINGS, photos_at_once=2)
    first = threading.Event()

    def meet() -> None:
        if not first.is_set():
            first.set()
            meeting.wait()

    async with bench(tmp_path, store=Slow(), detector=FakeDetector(FACE, before=meet), settings=settings) as worker:
        assert len(await worker.label(worker.upload(), worker.upload())) == 2


async def test_stopping_finishes_what_is_in_hand_and_leaves_the_rest_to_the_sweep(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go_on.wait(60)

    settings = replace(SETTINGS, photos_at_once=1)
    async with bench(tmp_path, detector=FakeDetector(FACE, before=hold), settings=settings) as worker:
        in_hand, waiting = worker.upload(), worker.upload()
        worker.pipeline.submit([Ticket(in_hand), Ticket(waiting)])
        await until_async(entered.is_set)
        stop = asyncio.create_task(worker.pipeline.stop(timeout_s=10))
        await asyncio.sleep(0)  # let it begin
        go_on.set()
        await stop
        assert list(worker.store.stored) == [in_hand]
        assert [message.reference for message in worker.publisher.messages] == [in_hand]


async def test_tickets_that_do_not_fit_are_refused_and_their_photos_found_by_the_sweep(tmp_path: Path) -> None:
    go_on = threading.Event()

    def hold() -> None:
        assert go_on.wait(60)

    settings = replace(SETTINGS, max_waiting=2)
    async with bench(tmp_path, detector=FakeDetector(FACE, before=hold), settings=settings) as worker:
        photos = [worker.upload() for _ in range(6)]
        submission = worker.pipeline.submit(Ticket(photo) for photo in photos)
        assert submission == Submission(accepted=2, refused=4)
        go_on.set()
        await worker.settled()
        while await worker.pipeline.sweep():
            await worker.settled()
        assert set(worker.store.stored) == set(photos)
