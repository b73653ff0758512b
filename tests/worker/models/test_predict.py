"""`python -m worker.models.predict`: a model's answers about many photos, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from contracts.messages import Model
from imaging.decoding import decode
from recipes.kiosk.labels import LABELS
from tests.toy_yolo import SIDE, SURE, constant_network, picture, toy_manifest
from worker.kiosk.kinds import load_detector
from worker.kiosk.yolo import Yolo
from worker.models.boxes import MAP_MAX_BOXES, BoxFilter, Candidates, Head, best_for_map
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.engine import OnnxRuntime

HOME = Path(__file__).parents[3]


def asked(manifest: Path | str, photos: Sequence[Path | str], *more: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit status, what it told, and what it complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "worker.models.predict", "--manifest", str(manifest), *more],
        input="".join(f"{photo}\n" for photo in photos),
        cwd=HOME,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A man of each age, sharp enough for the toy: PNG keeps every pixel."""
    path = tmp_path / "photo.png"
    Pillow.fromarray(picture(160, 120, elder_male=(8, 10, 40, 60), adult_male=(80, 20, 120, 100))).save(path)
    return path


def test_every_photo_gets_what_a_worker_would_serve(tmp_path: Path, photo: Path) -> None:
    manifest = toy_manifest(tmp_path / "run")
    [expected] = load_detector(manifest).detect([decode(photo.read_bytes(), max_pixels=10**6).image])

    status, told, complaint = asked(manifest, [photo, photo])

    assert (status, complaint) == (0, "")
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert told[0] == {"model": {"name": "toy", "version": "1", "digest": digest}, "raw": False}
    people = [
        {
            "label": str(one.label),
            "confidence": pytest.approx(one.confidence, abs=1e-6),
            "box": pytest.approx([one.box.x0, one.box.y0, one.box.x1, one.box.y1], abs=1e-6),
            "answers": one.answers and one.answers.to_fields(),
        }
        for one in expected
    ]
    assert len(people) == 2
    assert [(one["path"], one["people"]) for one in told[1:]] == [(str(photo), people)] * 2
    assert all(one["ms"] > 0 for one in told[1:])


def test_a_bad_photo_costs_only_its_own_answer(tmp_path: Path, photo: Path) -> None:
    (cut_off := tmp_path / "half.png").write_bytes(photo.read_bytes()[:60])
    (text := tmp_path / "text.jpg").write_text("no photo")
    Pillow.new("RGB", (SIDE, SIDE), "white").save(white := tmp_path / "white.png")  # the toy answers with NaN

    status, told, _ = asked(toy_manifest(tmp_path / "run"), [cut_off, "/nowhere.jpg", text, white, photo])

    assert status == 0
    assert [(one["path"], "error" in one) for one in told[1:]] == [
        (str(cut_off), True),
        ("/nowhere.jpg", True),
        (str(text), True),
        (str(white), True),
        (str(photo), False),
    ]
    assert told[1]["error"].startswith("truncated: ")
    assert told[4]["error"].startswith("the network's output has NaN")


def test_raw_is_every_class_of_every_box_as_the_network_says_it(tmp_path: Path, photo: Path) -> None:
    """The toy says each patch twice, nearly the same, and once more as the next label: suppression leaves two."""
    served = toy_manifest(tmp_path / "run", cut={"confidence": 0.65, "class_iou": 0.7, "person_iou": 0.6})

    status, told, _ = asked(served, [photo], "--raw")

    assert status == 0
    assert told[0]["raw"] is True
    assert {tuple(one) for one in told[1]["people"]} == {("label", "confidence", "box")}
    assert [(one["label"], one["confidence"]) for one in told[1]["people"]] == [
        ("elder_male", pytest.approx(SURE[0])),
        ("adult_male", pytest.approx(SURE[2])),
        ("elder_female", pytest.approx(SURE[0] / 2)),
        ("adult_female", pytest.approx(SURE[2] / 2)),
    ]


@pytest.mark.parametrize("head", ["v8", "v5"])
def test_both_heads_say_the_same_raw(tmp_path: Path, photo: Path, head: str) -> None:
    _, told, _ = asked(toy_manifest(tmp_path / "run", head=head), [photo], "--raw")

    assert [one["label"] for one in told[1]["people"]] == ["elder_male", "adult_male", "elder_female", "adult_female"]


def test_raw_boxes_may_leave_the_photo() -> None:
    """Validation measures boxes as they are; to cut them off would change what they overlap."""
    answer = np.array([[[5.0], [80.0], [30.0], [40.0], [0.5], [0.002], [0.0009], [0.0]]], dtype=np.float32)
    yolo = Yolo(
        model=Model("toy", "1", "0" * 64),
        engine=OnnxRuntime(constant_network(answer), SIDE),
        side=SIDE,
        head=Head.V8,
        cut=BoxFilter(0.25, 0.7, 0.6),
        calibration=(),
    )

    found = yolo.detect_raw(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))

    # Once for each class that scores more than 0.001.
    assert found.boxes.tolist() == [[-10 / SIDE, 60 / SIDE, 20 / SIDE, 100 / SIDE]] * 2
    assert found.scores.tolist() == pytest.approx([0.5, 0.002])
    assert found.classes.tolist() == [0, 1]


def test_a_model_that_has_no_raw_answers_gives_those_it_serves(tmp_path: Path) -> None:
    nobody = tmp_path / "nobody.png"
    Pillow.new("RGB", (320, 240), "grey").save(nobody)

    status, told, _ = asked("day-0", [nobody], "--raw")

    digest = hashlib.sha256(DEFAULT_MANIFEST.read_bytes()).hexdigest()
    assert status == 0
    assert told[0] == {"model": {"name": "cascade", "version": "2", "digest": digest}, "raw": False}
    assert (told[1]["path"], told[1]["people"]) == (str(nobody), [])


def test_a_model_that_is_refused_ends_it_with_the_reason(tmp_path: Path, photo: Path) -> None:
    manifest = toy_manifest(tmp_path / "run", kind="oracle")

    status, told, complaint = asked(manifest, [photo])

    assert (status, told) == (1, [])
    assert "the kind 'oracle' is unknown" in complaint
    assert complaint.count("\n") == 1


def test_it_takes_no_more_memory_than_it_may(photo: Path) -> None:
    status, told, _ = asked("day-0", [photo], "--most-memory", str(24 << 20))

    assert status != 0
    assert told == []


def test_a_wrong_call_is_told_from_a_wrong_model() -> None:
    done = subprocess.run([sys.executable, "-m", "worker.models.predict"], cwd=HOME, capture_output=True, check=False)

    assert done.returncode == 2


def test_suppression_of_thousands_keeps_the_best_of_all_classes() -> None:
    """A network that has learnt little scores everything above the least."""
    chance = np.random.default_rng(0)
    low = chance.uniform(0, 600, size=(8000, 2))
    boxes = np.concatenate([low, low + chance.uniform(10, 60, size=(8000, 2))], axis=1)
    every = Candidates(boxes, chance.uniform(0.001, 1, 8000), chance.integers(0, len(LABELS), 8000))

    kept = best_for_map(every)

    assert len(kept) == MAP_MAX_BOXES
    assert np.all(np.diff(kept.scores) <= 0)
    assert kept.scores[0] == every.scores.max()


def test_suppression_of_nothing_is_nothing() -> None:
    empty = Candidates(np.empty((0, 4)), np.empty(0), np.empty(0, dtype=np.intp))

    assert len(best_for_map(empty)) == 0


def test_log_odds_are_those_of_the_answers_that_a_cascade_serves() -> None:
    """From them a calibration is fitted again; an answer itself has only four decimals, and a bound."""
    photo = HOME / "samples" / "usg_G000569.jpg"
    status, told, _ = asked("day-0", [photo], "--log-odds")
    _, plain, _ = asked("day-0", [photo])

    assert status == 0
    [person], [served] = told[1]["people"], plain[1]["people"]
    odds = person.pop("log_odds")
    assert person == served
    probabilities = {name: 1 / (1 + np.exp(-x)) for name, x in odds.items()}
    answers = served["answers"]
    assert answers["age"] == {"value": "adult", "confidence": pytest.approx(1 - probabilities["elder"], abs=1e-4)}
    assert answers["gender"]["value"] == "male"
    assert answers["gender"]["confidence"] == pytest.approx(min(1 - probabilities["female"], 0.998), abs=1e-4)


def test_a_model_that_is_no_cascade_has_no_log_odds(tmp_path: Path, photo: Path) -> None:
    _, told, _ = asked(toy_manifest(tmp_path / "run"), [photo], "--log-odds")
    assert {tuple(one) for one in told[1]["people"]} == {("label", "confidence", "box", "answers")}
