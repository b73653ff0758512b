"""The model on a kiosk's own box answers as the workers do."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.messages import Reason, Status
from contracts.names import Reference
from imaging.decoding import decode
from recipes.kiosk.message import LabelMessage
from tests.fakes import FACE, FakeDetector
from worker.kiosk.decision import decide
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.on_device import MAX_BYTES, TooLarge, answer, photos_of
from worker.photos.rules import Thresholds

SAMPLE = Path("samples/kiosk-one-person.jpg")
THRESHOLDS = Thresholds(gate=0.95, unsure_below=0.5, review_share=0.0)


def framed(*photos: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(photo)) + photo for photo in photos)


def test_photos_are_read_by_their_lengths_until_the_stream_ends() -> None:
    """Also an empty one; a photo that was cut off by the agent's death is not answered."""
    assert list(photos_of(io.BytesIO(framed(b"one", b"", b"three")))) == [b"one", b"", b"three"]
    assert list(photos_of(io.BytesIO(framed(b"one", b"two")[:-1]))) == [b"one"]
    assert list(photos_of(io.BytesIO(framed(b"one") + b"\0\0"))) == [b"one"]


def test_an_impossible_length_ends_the_process() -> None:
    """The two are out of step: an answer would be another photo's."""
    with pytest.raises(TooLarge):
        list(photos_of(io.BytesIO(struct.pack(">I", MAX_BYTES + 1))))


def test_what_is_no_photo_gets_its_reason() -> None:
    """As in the cloud, so that the agent needs one rule only."""
    message = answer(b"GIF89a", kiosk="shop1", detector=FakeDetector(FACE), thresholds=THRESHOLDS)

    assert (message.status, message.reason, message.reference.kiosk_id) == (
        Status.REJECTED,
        Reason.NOT_AN_IMAGE,
        "shop1",
    )


def test_the_process_answers_as_the_worker_does() -> None:
    """Its model, its decision, for a person, for an empty shop, for no photo; then it ends with its input."""
    photos = [SAMPLE.read_bytes(), Path("samples/kiosk-nobody.jpg").read_bytes(), b"no photo"]

    ended = subprocess.run(
        [sys.executable, "-m", "worker.on_device", "--kiosk", "shop1"],
        input=framed(*photos),
        capture_output=True,
        check=True,
        timeout=120,
    )

    first, *lines = ended.stdout.splitlines()
    messages = [LabelMessage.from_json(line) for line in lines]
    detector = load_detector(DEFAULT_MANIFEST)
    assert json.loads(first)["model"]["digest"] == detector.model.digest
    assert [message.status for message in messages] == [Status.LABELLED, Status.NO_PERSON, Status.REJECTED]
    [people] = detector.detect([decode(photos[0], max_pixels=40_000_000).image])
    decision = decide(Reference("shop1", messages[0].reference.image_id), people, THRESHOLDS)
    assert (messages[0].label, messages[0].people) == (decision.label, decision.people)


@pytest.mark.parametrize("arguments", [["--kiosk", "Shop 1"], ["--kiosk", "shop1", "--manifest", "/nowhere.json"]])
def test_without_a_kiosk_or_a_model_it_ends_with_the_reason(arguments: list[str]) -> None:
    """Status 1: the agent tells the staff."""
    ended = subprocess.run(
        [sys.executable, "-m", "worker.on_device", *arguments],
        input=b"",
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.count(b"\n") == 1


def test_each_photo_has_an_id_of_its_own() -> None:
    """Within one millisecond, too."""
    photo = SAMPLE.read_bytes()
    messages = [answer(photo, kiosk="shop1", detector=FakeDetector(FACE), thresholds=THRESHOLDS) for _ in range(3)]

    assert len({message.reference for message in messages}) == 3
    assert {replace(message.people[0]) for message in messages} == {FACE}
