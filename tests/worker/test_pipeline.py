"""The way of a photo through the worker: what is told, stored and kept, in fair weather and foul."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contracts.instants import now
from contracts.labels import Label
from contracts.messages import Box, LabelMessage, Reason, Result, Status, Training
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from tests.fakes import FACE, MODEL, FakeDetector, MemoryPublisher, MemoryStore
from tests.pictures import bomb_png, encoded, gradient, turned_by_exif
from worker.attempts import MOST_TRIES, Attempts
from worker.decision import Thresholds
from worker.detector import Detection
from worker.metrics import Metrics
from worker.outbox import Outbox
from worker.photo import decode
from worker.pipeline import Pipeline, Rules, Submission
from worker.store import Refused, Upload

pytestmark = pytest.mark.anyio

UNSURE = Detection(Label.ADULT_MALE, 0.3, Box(0.4, 0.2, 0.6, 0.6))
JPEG = encoded(gradient())
RULES = Rules(
    instance_id="i-1",
    thresholds=Thresholds(gate=0.95, unsure_below=0.5, review_share=0.0),
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
        await until(lambda: not self.pipeline.busy)

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def bench(
    tmp_path: Path,
    *,
    detector: FakeDetector | None = None,
    store: MemoryStore | None = None,
    publisher: MemoryPublisher | None = None,
    rules: Rules = RULES,
) -> AsyncIterator[Bench]:
    store, publisher = store or MemoryStore(), publisher or MemoryPublisher()
    detector, outbox, metrics = detector or FakeDetector(FACE), Outbox(tmp_path / "outbox"), Metrics()
    pipeline = Pipeline(
        rules=rules,
        detector=detector,
        store=store,
        publisher=publisher,
        outbox=outbox,
        attempts=Attempts(tmp_path / "attempts"),
        metrics=metrics,
    )
    pipeline.start()
    yield Bench(store, publisher, detector, outbox, metrics, pipeline)
    await pipeline.stop(patience_s=10)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


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
        assert list(worker.outbox.left_over()) == []
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


async def test_nobody_there_and_nobody_sure_are_told_honestly(tmp_path: Path) -> None:
    async with bench(tmp_path, detector=FakeDetector()) as worker:
        [message] = await worker.label(worker.upload())
        assert (message.status, message.reason) == (Status.NO_PERSON, Reason.NO_FACE_FOUND)
    async with bench(tmp_path, detector=FakeDetector(UNSURE)) as worker:
        [message] = await worker.label(worker.upload())
        assert (message.status, message.label, message.confidence) == (Status.UNSURE, None, 0.3)


async def test_the_same_photo_asked_for_again_and_again_is_looked_at_and_told_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        first = worker.pipeline.submit([Ticket(photo), Ticket(photo)])
        await worker.settled()
        again = worker.pipeline.submit([Ticket(photo)])
        assert (first, again) == (Submission(accepted=1, duplicates=1), Submission(duplicates=1))
        assert (worker.detector.calls, len(worker.publisher.messages)) == (1, 1)


async def test_of_two_workers_with_the_same_photo_only_the_one_that_stored_its_result_tells_the_kiosk(
    tmp_path: Path,
) -> None:
    store, publisher = MemoryStore(), MemoryPublisher()
    together = threading.Barrier(2, timeout=10)  # both have looked before either stores
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
        assert not list(one.outbox.left_over()) + list(two.outbox.left_over())


def meet(barrier: threading.Barrier) -> None:
    barrier.wait()


async def test_a_key_written_again_with_another_picture_keeps_its_first_label(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        [message] = await worker.label(photo)
        worker.store.upload(photo, b"not even a picture")
        async with bench(tmp_path / "restarted", store=worker.store, publisher=worker.publisher) as restarted:
            assert await restarted.label(photo) == [message]
        assert worker.publisher.messages == [message]


async def test_the_sweep_finds_what_no_event_told_of_and_an_old_photo_is_labelled_but_not_announced(
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


async def test_a_training_pair_that_could_not_be_saved_is_saved_later_and_the_kiosk_is_not_told_twice(
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
        for _ in range(MOST_TRIES):
            assert await worker.pipeline.sweep() == 1
            await worker.settled()
        assert await worker.pipeline.sweep() == 0
        assert worker.metric("nunchi_given_up_total") == 1
        worker.detector.before = lambda: None
        [message] = await worker.label(worker.upload())
        assert message.status is Status.LABELLED


async def test_what_is_s3s_fault_is_never_the_photos(tmp_path: Path) -> None:
    """However often S3 fails, the photo is tried again when S3 is well."""
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        worker.store.failing["save_result"] = 3 * MOST_TRIES
        for _ in range(3 * MOST_TRIES):
            assert await worker.pipeline.sweep() == 1
            await worker.settled()
        assert await worker.pipeline.sweep() == 1
        await worker.settled()
        assert list(worker.store.stored) == [photo]


async def test_a_photo_that_takes_the_process_with_it_is_given_up_after_a_few_deaths(tmp_path: Path) -> None:
    """A killed process leaves its mark; the photo beside it in the model was not the guilty one, and is labelled."""
    store = MemoryStore()
    for _ in range(MOST_TRIES):
        async with bench(tmp_path, store=store) as worker:
            if not store.files:
                guilty, innocent = worker.upload(b"a picture that kills"), worker.upload()
                Attempts(tmp_path / "attempts").begin(innocent)
            Attempts(tmp_path / "attempts").begin(guilty)
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
        Attempts(tmp_path / "attempts").begin(suspect)
    async with bench(tmp_path, store=store, detector=FakeDetector(FACE, before=count)) as worker:
        assert len(await worker.label(*suspects)) == 6
    assert most == 1


async def test_an_answer_that_got_lost_is_not_taken_for_another_workers_result(tmp_path: Path) -> None:
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


async def test_a_full_disk_costs_the_insurance_and_not_the_label(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload()
        (tmp_path / "outbox").rmdir()  # writing fails, as on a disk that is full
        [message] = await worker.label(photo)
        assert worker.publisher.messages == [message]
        assert worker.metric("nunchi_failures_total", error="outbox") == 1
        (tmp_path / "outbox").mkdir()


async def test_a_customer_is_served_before_the_backlog(tmp_path: Path) -> None:
    """At opening time the night's photos wait, and not those who stand before a kiosk."""
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go_on.wait(10)

    rules = replace(RULES, photos_at_once=1)
    async with bench(tmp_path, detector=FakeDetector(FACE, before=hold), rules=rules) as worker:
        night = sorted(worker.upload() for _ in range(5))
        assert await worker.pipeline.sweep() == 5
        await until(entered.is_set)
        customer = worker.upload()
        worker.pipeline.submit([Ticket(customer)])
        go_on.set()
        await worker.settled()
        assert list(worker.store.stored) == [night[0], customer, *night[1:]]


async def test_a_left_over_that_can_not_be_settled_stops_neither_the_others_nor_the_sweep(tmp_path: Path) -> None:
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
        assert restarted.outbox.left_over() == []


async def test_left_overs_are_brought_back_into_memory_one_by_one(tmp_path: Path) -> None:
    class Counting(MemoryStore):
        held = most = 0

        def fetch(self, reference: Reference) -> Upload | Refused:
            with self._lock:
                self.held += 1
                self.most = max(self.most, self.held)
            return super().fetch(reference)

        def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: str) -> None:
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


async def test_a_ticket_for_no_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        assert await worker.label(Reference("demo", new_image_id(now()))) == []
        assert worker.store.stored == {}
        assert worker.publisher.messages == []


async def test_what_was_decided_before_a_crash_is_told_after_it(tmp_path: Path) -> None:
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
        assert list(restarted.outbox.left_over()) == []
        assert restarted.detector.calls == 0


async def test_what_was_in_the_outbox_and_never_stored_is_decided_afresh(tmp_path: Path) -> None:
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
        assert list(restarted.outbox.left_over()) == []
        assert restarted.publisher.messages == []
        assert await restarted.pipeline.sweep() == 1
        await restarted.settled()
        assert [message.reference for message in restarted.publisher.messages] == [photo]


async def test_a_picture_lying_on_its_side_enters_the_dataset_upright(tmp_path: Path) -> None:
    async with bench(tmp_path) as worker:
        photo = worker.upload(turned_by_exif(gradient(), 6))
        await worker.label(photo)
        jpeg, _ = worker.store.pairs["auto", photo]
        assert jpeg is not None
        upright = decode(jpeg, max_pixels=RULES.max_pixels)
        assert upright.image.shape == (64, 48, 3)
        assert upright.upright_jpeg


async def test_a_share_of_what_is_not_sure_goes_to_review(tmp_path: Path) -> None:
    rules = replace(RULES, thresholds=Thresholds(gate=0.95, unsure_below=0.5, review_share=1.0))
    async with bench(tmp_path, detector=FakeDetector(UNSURE), rules=rules) as worker:
        photo = worker.upload()
        await worker.label(photo)
        assert list(worker.store.pairs) == [("review", photo)]
        result = worker.store.result(photo)
        assert isinstance(result, Result)
        assert result.training is Training.REVIEW


async def test_no_more_photos_are_held_in_memory_than_the_setting_says(tmp_path: Path) -> None:
    class Counting(MemoryStore):
        held = most = 0

        def fetch(self, reference: Reference) -> Upload | Refused:
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
    assert 1 < store.most <= RULES.photos_at_once


async def test_waits_for_s3_overlap_with_the_model(tmp_path: Path) -> None:
    """While one photo is in the model another is being fetched: each waits here for the other."""
    meeting = threading.Barrier(2, timeout=10)

    class Slow(MemoryStore):
        fetched = 0

        def fetch(self, reference: Reference) -> Upload | Refused:
            with self._lock:
                self.fetched += 1
                second = self.fetched == 2
            if second:
                meeting.wait()
            return super().fetch(reference)

    rules = replace(RULES, photos_at_once=2)
    first = threading.Event()

    def meet() -> None:
        if not first.is_set():
            first.set()
            meeting.wait()

    async with bench(tmp_path, store=Slow(), detector=FakeDetector(FACE, before=meet), rules=rules) as worker:
        assert len(await worker.label(worker.upload(), worker.upload())) == 2


async def test_stopping_finishes_what_is_in_hand_and_leaves_the_rest_to_the_sweep(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go_on.wait(10)

    rules = replace(RULES, photos_at_once=1)
    async with bench(tmp_path, detector=FakeDetector(FACE, before=hold), rules=rules) as worker:
        in_hand, waiting = worker.upload(), worker.upload()
        worker.pipeline.submit([Ticket(in_hand), Ticket(waiting)])
        await until(entered.is_set)
        stop = asyncio.create_task(worker.pipeline.stop(patience_s=10))
        await asyncio.sleep(0)  # let it begin
        go_on.set()
        await stop
        assert list(worker.store.stored) == [in_hand]
        assert [message.reference for message in worker.publisher.messages] == [in_hand]


async def test_tickets_that_do_not_fit_are_refused_and_their_photos_found_by_the_sweep(tmp_path: Path) -> None:
    go_on = threading.Event()

    def hold() -> None:
        assert go_on.wait(10)

    rules = replace(RULES, most_waiting=2)
    async with bench(tmp_path, detector=FakeDetector(FACE, before=hold), rules=rules) as worker:
        photos = [worker.upload() for _ in range(6)]
        submission = worker.pipeline.submit(Ticket(photo) for photo in photos)
        assert submission == Submission(accepted=2, refused=4)
        go_on.set()
        await worker.settled()
        while await worker.pipeline.sweep():
            await worker.settled()
        assert set(worker.store.stored) == set(photos)
