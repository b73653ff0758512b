"""The rules of a recalibration, on golden people that are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from recipes.kiosk.labels import LABELS, Label
from retrain.judge.golden import GoldenPhoto
from retrain.recalibration.evidence import answered_by
from retrain.recalibration.figures import Answered
from retrain.recalibration.fit import Example
from retrain.recalibration.last_layer import LastLayer, Line
from retrain.recalibration.rules import golden_too_small
from retrain.recalibration.run import Judged, RecalibrationSettings, judge
from tests.retrain.recalibration.shops import SHIPPED, people, photo_of

SETTINGS = RecalibrationSettings(draws=300)


def by(layer: LastLayer, some: Sequence[Example]) -> Answered:
    return answered_by([layer] * len(some), some, SHIPPED, range(len(some)))


def judged(some: Sequence[Example], candidate: Answered, incumbent: Answered) -> Judged:
    return judge([photo_of(each) for each in some], candidate, incumbent, settings=SETTINGS)


def failed(result: Judged) -> list[str]:
    return [check.rule for check in result.ruling.checks if not check.passes]


def test_a_layer_that_knows_the_camera_is_better() -> None:
    some = people(300, shift=2.0)
    result = judged(some, by(LastLayer(Line(2.0, 1.0)), some), by(LastLayer(), some))
    assert (result.ruling.rule, result.ruling.promoted, failed(result)) == ("better", True, [])


def test_the_same_layer_is_no_proof_of_anything() -> None:
    some = people(300)
    result = judged(some, by(LastLayer(), some), by(LastLayer(), some))
    assert (result.ruling.rule, failed(result)) == ("not_better", ["not_better"])


def test_a_layer_that_helps_the_age_and_harms_the_gender_is_refused() -> None:
    some = people(400, shift=3.0)
    result = judged(some, by(LastLayer(Line(3.0), Line(1.5)), some), by(LastLayer(), some))
    assert result.after.total[0] < result.before.total[0]
    assert result.ruling.rule == "not_better"
    assert "that of the gender" in result.ruling.reason


def test_elders_are_protected_by_their_true_label() -> None:
    """A camera with few elders: calling fewer people elders lowers the log loss, and elders lose their screen."""
    some = people(600, shift=-2.5)
    result = judged(some, by(LastLayer(Line(-2.5)), some), by(LastLayer(), some))
    assert result.after.log_loss["age"][0] < result.before.log_loss["age"][0]
    assert result.ruling.rule == "elders_lose"
    assert result.after.easy_elders.count < result.before.easy_elders.count
    assert "given the easy screen" in result.ruling.reason


@pytest.mark.parametrize(("lost", "passes"), [(0, True), (1, True), (2, False), (5, False)])
def test_two_of_forty_elders_who_lose_the_screen_are_too_many(lost: int, passes: bool) -> None:
    """And one is not: a single difference must not decide."""
    some = [replace(each, truth=LABELS[number % 4]) for number, each in enumerate(people(80))]
    sure = np.array([0.9 if each.truth and each.truth.elder else 0.1 for each in some])
    said = np.array([each.truth.yolo_class for each in some if each.truth])
    incumbent = Answered(np.arange(80), said, said, np.full(80, 0.8), sure, np.where(said % 2, 0.9, 0.1))
    elder = sure.copy()
    elder[np.flatnonzero(said < 2)[:lost]] = 0.3
    told = np.where((said < 2) & (elder < 0.5), said + 2, said)
    result = judged(some, replace(incumbent, elder=elder, said=told), incumbent)
    assert ("elders_lose" not in failed(result)) is passes


def at_the_gate(right: int, wrong: int, label: Label) -> Callable[[Sequence[Example]], Answered]:
    """Of the people with this label, so many pass the gate with it, right and wrong; nobody else passes."""

    def answered(some: Sequence[Example]) -> Answered:
        truth = np.array([each.truth.yolo_class for each in some if each.truth])
        said, confidence = truth.copy(), np.full(len(some), 0.8)
        own, other = np.flatnonzero(truth == label.yolo_class), np.flatnonzero(truth != label.yolo_class)
        confidence[own[:right]] = confidence[other[:wrong]] = 0.96
        said[other[:wrong]] = label.yolo_class
        return Answered(np.arange(len(some)), truth, said, confidence, np.full(len(some), 0.5), np.full(len(some), 0.5))

    return answered


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        ((30, 0), (30, 1), True),  # 30 of 31 may be the 95 % promised
        ((30, 0), (30, 8), False),
        ((30, 8), (30, 8), True),  # it was broken, and is no worse
        ((30, 8), (30, 12), False),
        ((0, 0), (0, 0), True),  # nothing passes: no promise is broken
    ],
)
def test_no_label_breaks_the_promise_of_the_gate(before: tuple[int, int], after: tuple[int, int], passes: bool) -> None:
    some = [replace(each, truth=LABELS[number % 4]) for number, each in enumerate(people(160))]
    of = Label.ADULT_FEMALE
    result = judged(some, at_the_gate(*after, of)(some), at_the_gate(*before, of)(some))
    assert ("promise_broken" not in failed(result)) is passes


def test_a_calibration_error_that_grows_beyond_noise_is_refused() -> None:
    some = people(400)
    result = judged(some, by(LastLayer(confidence=-2.0), some), by(LastLayer(), some))
    assert "worse_calibrated" in failed(result)


@pytest.mark.parametrize(
    ("elders", "adults", "says"),
    [
        (20, 20, "golden has 20 elders and 20 adults of 40 moments"),
        (7, 60, "golden has 7 elders (20 are needed): too few to see whether somebody loses"),
        (40, 3, "golden has 3 adults (20 are needed): too few to see whether somebody loses"),
    ],
)
def test_golden_needs_elders_and_adults(elders: int, adults: int, says: str) -> None:
    truths = [Label.ELDER_MALE] * elders + [Label.ADULT_MALE] * adults
    photos = [photo_of(replace(each, truth=truth)) for each, truth in zip(people(len(truths)), truths, strict=True)]
    check = golden_too_small(photos)
    assert (check.passes, check.text) == (says.endswith("moments"), says)


def test_people_who_are_not_found_count_as_elders_who_are_not_told() -> None:
    some = people(200)
    found = some[:150]
    photos: list[GoldenPhoto] = [photo_of(each) for each in some]
    half = answered_by([LastLayer()] * 150, found, SHIPPED, range(150))
    result = judge(photos, half, half, settings=SETTINGS)
    assert result.before.elders_told.total == sum(each.truth is not None and each.truth.elder for each in some)
