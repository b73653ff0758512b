"""A recipe that keeps no photo: whatever becomes of it, the upload is deleted, and nothing of it teaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.answers_message import NOT_DECLARED, SEVERAL_FOUND, AnswersMessage, AnswersStatus
from contracts.boxes import Box
from contracts.instants import now
from contracts.messages import DatasetTree
from contracts.names import Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from contracts.tickets import Ticket
from recipes.reading import parse
from tests.fakes import FakeDetector, MemoryPublisher, MemoryStore
from tests.worker.photos.pipeline_harness import JPEG, SETTINGS, Bench, bench
from worker.models.heads import Seen, SeenChoice
from worker.photos.answering import AnswersTask
from worker.photos.pending import PhotoOutcome
from worker.photos.pipeline import PipelineSettings
from worker.photos.rules import Thresholds
from worker.photos.store import Upload

pytestmark = pytest.mark.anyio

DECLARED = {"adult-declared": "yes"}
OPEN = Seen(Box(0.1, 0.1, 0.4, 0.9), (SeenChoice("open", 0.99, 0.99),))
OTHER = Seen(Box(0.6, 0.1, 0.9, 0.9), (SeenChoice("shut", 0.99, 0.99),))


def keeping(**keep: Any) -> PipelineSettings:
    """The settings of a worker whose recipe keeps so."""
    recipe = parse(
        {
            "recipe": 1,
            "name": "eye",
            "find": {"kind": "whole", "many": "one"},
            "head": [{"name": "eye", "says": ["open", "shut"]}],
            "judge": {"of": "eye"},
            "keep": keep,
        }
    )
    task = AnswersTask(recipe, Thresholds(gate=0.95, unsure_below=0.5, review_share=1.0))
    return replace(SETTINGS, task=task, keeps_uploads=recipe.keep.upload)


NOTHING = keeping(upload=False, learn=False, consent="adult-declared")


def uploaded(worker: Bench, data: bytes = JPEG, *, inputs: dict[str, str] = DECLARED) -> Reference:
    reference = worker.upload(data)
    worker.store.files[reference] = Upload(data, '"etag"', now(), inputs)
    return reference


OUTCOMES = {
    AnswersStatus.LABELLED: ([OPEN], JPEG, None),
    AnswersStatus.UNSURE: ([replace(OPEN, answers=(SeenChoice("open", 0.4, 0.4),))], JPEG, None),
    AnswersStatus.NOTHING_FOUND: (list[Seen](), JPEG, None),
    AnswersStatus.DECLINED: ([OPEN, OTHER], JPEG, SEVERAL_FOUND),
    AnswersStatus.REJECTED: ([OPEN], b"no picture", "not_an_image"),
}


@pytest.mark.parametrize("status", OUTCOMES)
async def test_whatever_the_answer_the_photo_is_gone_and_nothing_of_it_teaches(
    tmp_path: Path, status: AnswersStatus
) -> None:
    found, data, reason = OUTCOMES[status]
    async with bench(tmp_path, detector=FakeDetector(*found), settings=NOTHING) as worker:
        photo = uploaded(worker, data)
        await worker.label(photo)
        [sent] = worker.publisher.published
        assert isinstance(sent, AnswersMessage)
        assert (sent.status, sent.reason) == (status, reason)
        assert sent.inputs == ({} if status is AnswersStatus.REJECTED else DECLARED)
        assert (worker.store.files, worker.store.pairs, worker.store.pictures) == ({}, {}, {})
        assert worker.store.result(photo).training is DatasetTree.NONE
        assert list(worker.outbox.entries()) == []


@pytest.mark.parametrize("inputs", [{}, {"adult-declared": "no"}, {"adult_declared": "yes"}])
async def test_a_photo_without_its_declaration_is_deleted_unseen(tmp_path: Path, inputs: dict[str, str]) -> None:
    """It does not even have to be a picture."""
    async with bench(tmp_path, detector=FakeDetector(OPEN), settings=NOTHING) as worker:
        await worker.label(uploaded(worker, inputs=inputs), uploaded(worker, b"no picture", inputs=inputs))
        reasons = [(sent.status, sent.reason) for sent in worker.publisher.published]
        assert reasons == [(AnswersStatus.DECLINED, NOT_DECLARED)] * 2
        assert (worker.detector.calls, worker.store.files) == (0, {})


async def test_a_second_message_for_a_photo_that_is_gone_is_no_error(tmp_path: Path) -> None:
    """Neither to the worker that answered it, nor to another one; its message is deleted, and nothing is sent again."""
    store = MemoryStore()
    async with bench(tmp_path / "one", detector=FakeDetector(OPEN), store=store, settings=NOTHING) as first:
        photo = uploaded(first)
        await first.label(photo)
        assert await first.pipeline.enqueue(Ticket(photo), redelivered=False) is PhotoOutcome.DONE
        assert len(first.publisher.published) == 1
    async with bench(tmp_path / "two", detector=FakeDetector(OPEN), store=store, settings=NOTHING) as second:
        assert await second.pipeline.enqueue(Ticket(photo), redelivered=True) is PhotoOutcome.DONE
        assert await second.pipeline.enqueue(Ticket(photo), redelivered=False) is PhotoOutcome.MISSING
        assert (second.publisher.published, second.detector.calls) == ([], 0)
        assert second.metric("nunchi_failures_total", error="UploadMissing") == 0


async def test_a_deletion_that_fails_is_tried_again_and_the_answer_is_sent_once(tmp_path: Path) -> None:
    async with bench(tmp_path, detector=FakeDetector(OPEN), settings=NOTHING) as worker:
        worker.store.failing["delete_upload"] = 1
        photo = uploaded(worker)
        await worker.label(photo)
        assert (list(worker.store.files), len(worker.publisher.published)) == ([photo], 1)
        await worker.pipeline.recover()
        await worker.settled()
        assert (worker.store.files, len(worker.publisher.published)) == ({}, 1)
        assert list(worker.outbox.entries()) == []


async def test_a_photo_that_a_dead_worker_answered_is_deleted_by_anothers_sweep(tmp_path: Path) -> None:
    """Its state folder died with it; a sweep lists what has a result, too, and sends nothing again."""
    store = MemoryStore()
    store.failing["delete_upload"] = 1
    async with bench(tmp_path / "dead", detector=FakeDetector(OPEN), store=store, settings=NOTHING) as dead:
        photo = uploaded(dead)
        await dead.label(photo)
    async with bench(tmp_path / "next", detector=FakeDetector(OPEN), store=store, settings=NOTHING) as worker:
        await worker.pipeline.sweep()
        await worker.settled()
        assert (store.files, worker.publisher.published, worker.detector.calls) == ({}, [], 0)


async def test_a_photo_that_is_put_again_under_its_name_is_deleted_by_the_sweep(tmp_path: Path) -> None:
    """It was answered by this very worker, and is not looked at a second time."""
    async with bench(tmp_path, detector=FakeDetector(OPEN), settings=NOTHING) as worker:
        photo = uploaded(worker)
        await worker.label(photo)
        worker.store.files[photo] = Upload(JPEG, '"other"', now() - timedelta(hours=1), DECLARED)
        await worker.pipeline.sweep()
        await worker.settled()
        assert (worker.store.files, worker.detector.calls, len(worker.publisher.published)) == ({}, 1, 1)


async def test_what_teaches_is_saved_before_its_photo_is_deleted(tmp_path: Path) -> None:
    async with bench(tmp_path, detector=FakeDetector(OPEN), settings=keeping(upload=False)) as worker:
        photo = uploaded(worker)
        await worker.label(photo)
        assert (list(worker.store.pairs), worker.store.files) == ([(DatasetTree.AUTO, photo)], {})


async def test_a_photo_is_not_deleted_before_its_pair_is_saved(tmp_path: Path) -> None:
    async with bench(tmp_path, detector=FakeDetector(OPEN), settings=keeping(upload=False)) as worker:
        worker.store.failing["save_pair"] = 1
        photo = uploaded(worker)
        await worker.label(photo)
        assert (list(worker.store.files), len(worker.publisher.published)) == ([photo], 1)
        await worker.pipeline.recover()
        await worker.settled()
        assert (list(worker.store.pairs), worker.store.files) == ([(DatasetTree.AUTO, photo)], {})


async def test_without_the_key_a_photo_stays_and_teaches(tmp_path: Path) -> None:
    publisher = MemoryPublisher()
    async with bench(tmp_path, detector=FakeDetector(OPEN), publisher=publisher, settings=keeping()) as worker:
        photo = uploaded(worker, inputs={})
        await worker.label(photo)
        assert (list(worker.store.files), list(worker.store.pairs)) == ([photo], [(DatasetTree.AUTO, photo)])
        [sent] = publisher.published
        assert isinstance(sent, AnswersMessage)
        assert sent.inputs == {}


@pytest.mark.parametrize("keep", [{}, {"upload": False}], ids=["kept", "deleted"])
async def test_an_unsure_photo_waits_for_people_with_its_proposals_unless_photos_are_deleted(
    tmp_path: Path, keep: dict[str, bool]
) -> None:
    """Also if its saving fails first: a later try writes the same proposals into the same tree."""
    unsure = replace(OPEN, answers=(SeenChoice("open", 0.4, 0.4),))
    async with bench(tmp_path, detector=FakeDetector(unsure), settings=keeping(**keep)) as worker:
        worker.store.failing["save_pair"] = 1
        photo = uploaded(worker)
        await worker.label(photo)
        await worker.pipeline.recover()
        await worker.settled()
        if keep:
            assert worker.store.pairs == {}
            return
        [((tree, saved), (_, text))] = worker.store.pairs.items()
        assert (tree, saved) == (DatasetTree.REVIEW, photo)
        assert SubjectLabels.from_json(text).subjects == (LabelledSubject(OPEN.box, {"eye": "open"}),)
