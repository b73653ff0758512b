"""The picture that shows why, on its way: stored before the message that links to it, and never worth an answer."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from contracts.answers_message import WHY, AnswersMessage, AnswersStatus
from contracts.boxes import Box
from contracts.instants import now
from contracts.names import Reference
from recipes.reading import parse
from recipes.recipe import Region
from tests.fakes import FakeDetector, MemoryPublisher, MemoryStore
from tests.waiting import until_async
from tests.worker.photos.pipeline_harness import SETTINGS, bench
from worker.messages import Message
from worker.models.evidence import Evidence
from worker.models.heads import Seen, SeenChoice
from worker.models.regions import EVERYTHING, FoundSubject
from worker.photos.answering import AnswersTask
from worker.photos.publisher import PublishOutcome
from worker.photos.rules import Thresholds
from worker.photos.task import Picture

pytestmark = pytest.mark.anyio

RECIPE = parse(
    {
        "recipe": 1,
        "name": "eye",
        "find": {"kind": "whole"},
        "head": [{"name": "eye", "says": ["open", "shut"]}],
        "judge": {"of": "eye"},
        "show": {"why": "eye"},
    }
)
ANSWERING = replace(SETTINGS, task=AnswersTask(RECIPE, Thresholds(gate=0.95, unsure_below=0.5, review_share=0.0)))
PLACES = np.eye(7, dtype=np.float32)


def seeing(region: str = "whole") -> FakeDetector:
    """A model that says `open` of the whole photo, by what it sees in a region of it."""
    evidence = {0: Evidence(FoundSubject(EVERYTHING), Region(region), PLACES)}
    return FakeDetector(Seen(Box(0, 0, 1, 1), (SeenChoice("open", 0.99, 0.99),), evidence=evidence))


class Looking(MemoryPublisher):
    """Notes which pictures are stored when a message goes out."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store
        self.stored: list[list[tuple[Reference, str]]] = []

    async def publish(self, message: Message) -> PublishOutcome:
        self.stored.append(list(self._store.pictures))
        return await super().publish(message)


async def test_the_picture_is_stored_before_the_message_goes_out_with_its_link(tmp_path: Path) -> None:
    """The stored result and the outbox have no link: it is a secret until it expires."""
    store = MemoryStore()
    publisher = Looking(store)
    async with bench(tmp_path, detector=seeing(), store=store, publisher=publisher, settings=ANSWERING) as worker:
        photo = worker.upload()
        [kept] = await worker.label(photo)
        [sent] = publisher.published
        assert isinstance(sent, AnswersMessage)
        assert list(sent.pictures) == [WHY]
        assert int(sent.pictures[WHY].partition("?for=")[2]) in range(20, 31)
        assert publisher.stored == [[(photo, WHY)]]
        assert store.pictures[photo, WHY].startswith(b"\x89PNG")
        assert kept == replace(sent, pictures={})
        assert "pictures" not in store.stored[photo]


@pytest.mark.parametrize("fault", ["drawing", "storing"])
async def test_a_picture_that_fails_costs_no_answer(tmp_path: Path, fault: str) -> None:
    detector = seeing("face" if fault == "drawing" else "whole")  # the subject has no face to crop
    async with bench(tmp_path, detector=detector, settings=ANSWERING) as worker:
        worker.store.failing["save_picture"] = fault == "storing"
        photo = worker.upload()
        await worker.label(photo)
        [sent] = worker.publisher.published
        assert isinstance(sent, AnswersMessage)
        assert (sent.status, sent.pictures, worker.store.pictures) == (AnswersStatus.LABELLED, {}, {})
        assert worker.metric("nunchi_failures_total", error="picture") == 1
        assert list(worker.outbox.entries()) == []


async def test_an_answer_does_not_wait_for_a_picture_that_takes_long_to_store(tmp_path: Path) -> None:
    go_on = threading.Event()

    class Slow(MemoryStore):
        def save_picture(self, reference: Reference, picture: Picture, *, link_s: float) -> str:
            assert go_on.wait(60)
            return super().save_picture(reference, picture, link_s=link_s)

    store = Slow()
    async with bench(tmp_path, detector=seeing(), store=store, settings=ANSWERING) as worker:
        photo = worker.upload()
        await worker.label(photo)
        [sent] = worker.publisher.published
        assert isinstance(sent, AnswersMessage)
        assert (sent.pictures, store.pictures) == ({}, {})
        go_on.set()
        await until_async(lambda: list(store.pictures) == [(photo, WHY)])


async def test_a_message_that_is_sent_after_a_crash_has_no_link(tmp_path: Path) -> None:
    """The picture was in memory only, or its link may have expired."""
    store, publisher = MemoryStore(), MemoryPublisher()
    async with bench(tmp_path, detector=seeing(), store=store, settings=ANSWERING) as worker:
        photo = worker.upload()
        await worker.label(photo)
        result = store.result(photo)
        worker.outbox.put(result)
    async with bench(tmp_path, store=store, publisher=publisher, settings=ANSWERING) as restarted:
        await restarted.pipeline.recover()
        await restarted.settled()
    assert publisher.published == [result.message]


async def test_the_second_worker_to_decide_draws_nothing_over_the_firsts_picture(tmp_path: Path) -> None:
    """Only the worker whose result counts stores its picture."""
    store = MemoryStore()
    async with bench(tmp_path / "one", detector=seeing(), store=store, settings=ANSWERING) as first:
        photo = first.upload()
        await first.label(photo)
    picture = store.pictures.pop((photo, WHY))
    async with bench(tmp_path / "two", detector=seeing(), store=store, settings=ANSWERING) as second:
        await second.label(photo)
        assert (picture != b"", store.pictures, second.publisher.published) == (True, {}, [])


async def test_an_old_photo_gets_its_picture_and_no_message(tmp_path: Path) -> None:
    async with bench(tmp_path, detector=seeing(), settings=ANSWERING) as worker:
        photo = worker.upload(at=now() - timedelta(days=1))
        await worker.label(photo)
        assert (list(worker.store.pictures), worker.publisher.published) == ([(photo, WHY)], [])
