"""Several models as one: weighted boxes fusion, and the manifest of an ensemble."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from tests.fakes import MODEL, FakeDetector
from tests.toy_yolo import AS_IT_IS, picture, toy_manifest, toy_network
from worker.kiosk.calibration import calibrations_by_label
from worker.kiosk.ensemble import Ensemble, weighted_boxes_fusion
from worker.kiosk.kinds import load_detector
from worker.models.boxes import BoxFilter, Candidates
from worker.models.manifests import InvalidModel

CUT = {"confidence": 0.25, "class_iou": 0.7, "person_iou": 0.5}
HEAD = Person(Label.ELDER_FEMALE, 0.8, Box(0.2, 0.2, 0.4, 0.4))


def ensemble(*members: FakeDetector) -> Ensemble:
    return Ensemble(
        model=MODEL,
        members=members,
        iou=0.55,
        cut=BoxFilter(**CUT),
        calibration=calibrations_by_label(AS_IT_IS, min_score=0.25),
    )


def manifest(folder: Path, **fields: Any) -> Path:
    """An ensemble of two toys, of which the second is less sure; some fields replaced, None takes one out."""
    files = {}
    for name, sure in {"first": (0.9, 0.8, 0.7, 0.6), "second": (0.7, 0.6, 0.5, 0.4)}.items():
        member = toy_manifest(folder / name, network=toy_network(sure=sure), name=name)
        files[name] = {"path": f"{name}/manifest.json", "sha256": hashlib.sha256(member.read_bytes()).hexdigest()}
    complete = {
        "kind": "ensemble",
        "name": "both",
        "version": "1",
        "classes": [str(label) for label in LABELS],
        "files": files,
        "members": ["first", "second"],
        "fusion": {"iou": 0.55},
        "cut": CUT,
        "calibration": AS_IT_IS,
        **fields,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps({name: value for name, value in complete.items() if value is not None}))
    return path


def test_members_that_agree_are_one_person() -> None:
    """The mean of their boxes weighted by confidence, and the mean confidence."""
    other = Person(Label.ELDER_FEMALE, 0.4, Box(0.2, 0.2, 0.46, 0.4))
    [[person]] = ensemble(FakeDetector(HEAD), FakeDetector(other)).detect([picture(8, 8)])
    assert person.label is Label.ELDER_FEMALE
    assert person.confidence == pytest.approx(0.6)
    assert (person.box.x0, person.box.x1) == pytest.approx((0.2, (0.8 * 0.4 + 0.4 * 0.46) / 1.2))


def test_what_one_member_alone_sees_counts_half() -> None:
    """The other one's silence is evidence too."""
    [[person]] = ensemble(FakeDetector(HEAD), FakeDetector()).detect([picture(8, 8)])
    assert (person.label, person.box) == (HEAD.label, HEAD.box)
    assert person.confidence == pytest.approx(0.4)


def test_a_fused_score_under_the_threshold_is_no_person() -> None:
    """0.8 of one in four is 0.2."""
    assert ensemble(FakeDetector(HEAD), *[FakeDetector()] * 3).detect([picture(8, 8)]) == [[]]


def test_members_that_disagree_are_one_unsure_person() -> None:
    """Two labels over one head: the surer one, with half its confidence."""
    other = Person(Label.ADULT_FEMALE, 0.7, HEAD.box)
    [[person]] = ensemble(FakeDetector(HEAD), FakeDetector(other)).detect([picture(8, 8)])
    assert person.label is Label.ELDER_FEMALE
    assert person.confidence == pytest.approx(0.4)


def test_members_that_agree_on_the_answers_give_them() -> None:
    """The same four probabilities, and as sure a label."""
    answers = Answers.of(elder=0.9, female=0.85)
    [[person]] = ensemble(*[FakeDetector(replace(HEAD, answers=answers))] * 2).detect([picture(8, 8)])
    assert (person.label, person.confidence, person.answers) == (HEAD.label, pytest.approx(HEAD.confidence), answers)


def test_a_member_with_another_label_counts_for_the_answers() -> None:
    """One says elder man, one says elder woman: an unsure label, and surely an elder."""
    woman = replace(HEAD, answers=Answers.of(elder=0.95, female=0.82))
    man = Person(Label.ELDER_MALE, 0.7, HEAD.box, Answers.of(elder=0.95, female=0.28))
    [[person]] = ensemble(FakeDetector(woman), FakeDetector(man)).detect([picture(8, 8)])
    assert (person.label, person.confidence) == (Label.ELDER_FEMALE, pytest.approx(0.4))
    assert person.answers is not None
    # What 0.4 leaves is shared by the sums of both members: elder men 0.15 + 0.70, adults 0.05 each.
    assert person.answers.elder == pytest.approx(0.4 + 0.6 * 0.85 / 0.95, abs=1e-4)


def test_somebody_beside_does_not_count_for_the_answers() -> None:
    """Only boxes on the same head."""
    beside = Person(Label.ADULT_MALE, 0.9, Box(0.6, 0.2, 0.8, 0.4))
    [alone] = ensemble(FakeDetector(HEAD), FakeDetector(HEAD)).detect([picture(8, 8)])
    [among] = ensemble(FakeDetector(HEAD), FakeDetector(HEAD, beside)).detect([picture(8, 8)])
    assert [person for person in among if person.label is HEAD.label] == alone


def test_members_without_answers_share_the_rest_equally() -> None:
    """A model that knows only labels: 0.8, and a third of 0.2 for each other label."""
    [[person]] = ensemble(*[FakeDetector(HEAD)] * 2).detect([picture(8, 8)])
    assert person.answers == Answers.of(elder=0.8 + 0.2 / 3, female=0.8 + 0.2 / 3)


def test_no_boxes_fuse_to_no_boxes() -> None:
    """Each of several images; no image is no answer."""
    both = ensemble(FakeDetector(), FakeDetector())
    assert (both.detect([picture(8, 8)] * 2), both.detect([])) == ([[], []], [])


side = st.floats(0.05, 0.5)
found = st.lists(st.tuples(side, side, side, side, st.floats(0.05, 1), st.integers(0, 3)), max_size=6).map(
    lambda rows: Candidates(
        np.array([(x, y, x + w, y + h) for x, y, w, h, _, _ in rows], dtype=np.float64).reshape(-1, 4),
        np.array([row[4] for row in rows], dtype=np.float64),
        np.array([row[5] for row in rows], dtype=np.intp),
    )
)


@given(st.lists(found, min_size=2, max_size=4))
def test_fusion_invents_nothing(answers: list[Candidates]) -> None:
    """No class, no score and no corner beyond what the members said."""
    fused = weighted_boxes_fusion(answers, 0.55)
    assert len(fused) <= sum(map(len, answers))
    assert set(fused.classes) == {label for one in answers for label in one.classes}
    if len(fused):
        boxes, scores = (np.concatenate([getattr(one, name) for one in answers]) for name in ("boxes", "scores"))
        assert np.all(fused.boxes.min(axis=0) >= boxes.min(axis=0) - 1e-9)
        assert np.all(fused.boxes.max(axis=0) <= boxes.max(axis=0) + 1e-9)
        assert np.all((fused.scores > 0) & (fused.scores <= scores.max() + 1e-9))


@given(found, found)
def test_the_order_of_the_members_decides_nothing(first: Candidates, second: Candidates) -> None:
    """Neither boxes nor scores."""
    one, other = weighted_boxes_fusion([first, second], 0.55), weighted_boxes_fusion([second, first], 0.55)
    assert one.boxes.tolist() == other.boxes.tolist()
    assert one.scores.tolist() == other.scores.tolist()


def test_two_networks_serve_as_one_model(tmp_path: Path) -> None:
    """Loaded from its manifest: the ensemble's name and digest, the members' people with their mean confidence."""
    path = manifest(tmp_path)
    both = load_detector(path)
    assert (both.model.name, both.model.digest) == ("both", hashlib.sha256(path.read_bytes()).hexdigest())
    [[person]] = both.detect([picture(200, 100, elder_male=(20, 10, 60, 50))])
    assert person.label is Label.ELDER_MALE
    assert person.confidence == pytest.approx(0.8, abs=1e-6)
    corners = (person.box.x0, person.box.y0, person.box.x1, person.box.y1)
    assert corners == pytest.approx((0.1, 0.1, 0.3, 0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"members": ["first"]}, "two different members or more"),
        ({"members": ["first", "first"]}, "two different members or more"),
        ({"members": ["first", "third"]}, "no \"files\" entry for 'third'"),
        ({"members": [["first"], "second"]}, "TypeError"),
        ({"members": None}, "KeyError.*members"),
        ({"members": 2}, "TypeError"),
        ({"fusion": {"iou": 1}}, "not between 0 and 1"),
        ({"fusion": None}, "KeyError.*fusion"),
        ({"cut": None}, "KeyError.*cut"),
        ({"calibration": None}, "KeyError.*calibration"),
    ],
    ids=str,
)
def test_an_ensemble_that_is_wrong_is_refused(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    """Its members' calibrations are not its own."""
    with pytest.raises(InvalidModel, match=said):
        load_detector(manifest(tmp_path, **fields))


def test_a_member_that_was_changed_is_refused(tmp_path: Path) -> None:
    """The ensemble's digest stands for all of its members' bytes."""
    path = manifest(tmp_path)
    with (tmp_path / "second" / "manifest.json").open("a") as member:
        member.write("\n")
    with pytest.raises(InvalidModel, match=r"the second file .* has SHA-256"):
        load_detector(path)


def test_an_ensemble_is_no_member(tmp_path: Path) -> None:
    """No circles."""
    inner = manifest(tmp_path / "inner")
    entry = {"path": "inner/manifest.json", "sha256": hashlib.sha256(inner.read_bytes()).hexdigest()}
    outer = json.loads(manifest(tmp_path).read_text())
    outer["files"]["second"] = entry
    (tmp_path / "manifest.json").write_text(json.dumps(outer))
    with pytest.raises(InvalidModel, match="the kind 'ensemble' is unknown, only cascade, yolov5"):
        load_detector(tmp_path / "manifest.json")
