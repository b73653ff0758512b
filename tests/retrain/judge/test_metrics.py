"""The metrics: mAP by its definition, weighted by the bootstrap, and their intervals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import stem
from retrain.errors import JudgementFailed
from retrain.judge.figures import Gate, calibration_of, gate_of
from retrain.judge.golden import GoldenPhoto, build_of, golden_photos
from retrain.judge.matching import (
    THRESHOLDS,
    Flags,
    Floats,
    GoldenPeople,
    Places,
    RankedBoxes,
    ServedMatches,
    people,
    ranked,
    served,
)
from retrain.judge.metrics import Estimate, average_precision, bootstrap_weights, mean_over_labels, share_of
from retrain.judge.predictions import PredictedPerson, Prediction
from tests.retrain.dataset.shop import photo_id

MAN, WOMAN = Label.ELDER_MALE, Label.ELDER_FEMALE
HERE, THERE = Box(0.1, 0.1, 0.3, 0.3), Box(0.6, 0.6, 0.8, 0.8)


def photo(*known: tuple[Label, Box], moment: str = "") -> GoldenPhoto:
    people = tuple(LabelledBox(label, box) for label, box in known)
    return GoldenPhoto(Path("photo.jpg"), moment or str(id(known)), people)


def predicts(*people_: tuple[Label, float, Box]) -> Prediction:
    return Prediction(
        Path("photo.jpg"),
        1.0,
        tuple(PredictedPerson(label, sure, (b.x0, b.y0, b.x1, b.y1)) for label, sure, b in people_),
    )


def moved(box: Box, by: float) -> Box:
    return Box(box.x0 + by, box.y0, box.x1 + by, box.y1)


def by_the_book(hit: Flags, people: int) -> float:
    """AP of boxes in order as ultralytics writes it: every box a point of the curve, read at 101 recalls."""
    if not len(hit) or not people:
        return 0.0
    right = hit.cumsum()
    recall, precision = right / people, right / np.arange(1, len(hit) + 1)
    recall = np.concatenate([[0.0], recall, [recall[-1]], [1.0]])
    envelope = np.maximum.accumulate(np.concatenate([[1.0], precision, [0.0], [0.0]])[::-1])[::-1]
    at = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.interp(at, recall, envelope), at))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_weighted_average_precision_is_that_of_the_drawn_photos(seed: int) -> None:
    """For photos drawn once or not at all; the curve of a photo drawn twice lacks the points between the two."""
    chance = np.random.default_rng(seed)
    photos, boxes = 12, int(chance.integers(1, 80))
    place = chance.integers(0, photos, boxes)
    hit = chance.random(boxes) < 0.5
    truth = np.concatenate([place[hit], chance.integers(0, photos, 5)])  # every hit is a person; some people are missed
    known = GoldenPeople(truth, np.zeros(len(truth), dtype=np.intp))
    ordered = RankedBoxes(place, np.zeros(boxes, dtype=np.intp), np.repeat(hit[:, None], len(THRESHOLDS), axis=1))
    draw = (chance.random(photos) < 0.7).astype(float)  # drawn once, or not at all
    draws = np.stack([np.ones(photos), draw], axis=1)

    ap = average_precision(ordered, known, draws, classes=LABELS)

    in_draw = draw[place] > 0
    assert ap[0, 0, 0] == pytest.approx(by_the_book(hit, len(truth)), abs=1e-9)
    if draw[truth].sum():
        assert ap[0, 0, 1] == pytest.approx(by_the_book(hit[in_draw], int(draw[truth].sum())), abs=1e-9)
    else:
        assert math.isnan(ap[0, 0, 1])
    assert np.isnan(ap[1:]).all()


def test_a_photo_is_weighted_by_its_draws() -> None:
    """Two photos, one right and one wrong."""
    hit = np.repeat(np.array([[False], [True]]), len(THRESHOLDS), axis=1)
    ordered = RankedBoxes(np.array([0, 1]), np.zeros(2, dtype=np.intp), hit)
    known = GoldenPeople(np.array([1]), np.array([0]))
    draws = np.array([[1.0, 3.0, 1.0], [1.0, 1.0, 3.0]])

    ap = average_precision(ordered, known, draws, classes=LABELS)[0, 0]

    assert ap == pytest.approx(np.array([1 / 2, 1 / 4, 3 / 4]) * 0.995)


@pytest.mark.parametrize(
    ("prediction", "hits"),
    [
        (predicts((MAN, 0.9, HERE)), [10]),
        (predicts((WOMAN, 0.9, HERE)), [0]),
        (predicts((MAN, 0.9, moved(HERE, 0.03))), [5]),  # overlaps by 0.739
        (predicts((MAN, 0.9, HERE), (MAN, 0.8, HERE)), [10, 0]),
        (
            predicts((MAN, 0.8, HERE), (MAN, 0.9, moved(HERE, 0.03))),
            [5, 5],
        ),  # the first does not reach every threshold, so the second matches there
        (predicts((MAN, 0.9, THERE)), [0]),
        (predicts(), []),
    ],
)
def test_a_person_is_matched_once_with_the_most_confident_box_of_their_label(
    prediction: Prediction, hits: list[int]
) -> None:
    found = ranked([photo((MAN, HERE))], [prediction], classes=LABELS)

    assert found.hit.sum(axis=1).tolist() == hits


def test_as_served_a_person_may_be_detected_with_the_wrong_label() -> None:
    photos = [photo((MAN, HERE), (WOMAN, THERE)), photo((MAN, HERE)), photo()]
    predictions = [predicts((MAN, 0.7, HERE), (MAN, 0.9, THERE)), predicts(), predicts((MAN, 0.4, HERE))]

    found = served(photos, predictions, classes=LABELS)

    assert found.detected.tolist() == [True, True, False]
    assert found.right.tolist() == [True, False, False]
    assert found.confidence.tolist() == [0.9, 0.7, 0.4]
    assert found.box_right.tolist() == [False, True, False]
    assert found.photo.tolist() == [0, 0, 2]


def test_photos_of_one_moment_are_drawn_together() -> None:
    photos = [photo(moment=name) for name in ("a", "a", "b", "c")]

    drawn = bootstrap_weights(photos, draws=200, seed=1)

    assert drawn.shape == (4, 201)
    assert drawn[:, 0].tolist() == [1, 1, 1, 1]
    assert np.array_equal(drawn[0], drawn[1])
    assert set(drawn[[0, 2, 3], 1:].sum(axis=0)) == {3.0}
    assert not np.array_equal(drawn[0], drawn[2])
    assert np.array_equal(drawn, bootstrap_weights(photos, draws=200, seed=1))


def test_the_mean_over_labels_skips_nan() -> None:
    values: Floats = np.array([[0.5, np.nan], [1.0, np.nan], [np.nan, np.nan]])

    assert mean_over_labels(values)[0] == 0.75
    assert math.isnan(mean_over_labels(values)[1])


def test_a_share_without_people_is_nan() -> None:
    where: Places = np.array([0, 1], dtype=np.intp)

    found = share_of(np.array([True, False]), where, np.array([[1.0, 0.0], [1.0, 0.0]]))

    assert found[0] == 0.5
    assert math.isnan(found[1])


@pytest.mark.parametrize(
    ("yes", "of", "expected"),
    [(0, 10, (0.0, 0.0, 0.2775)), (10, 10, (1.0, 0.7225, 1.0)), (81, 263, (0.308, 0.2553, 0.3662))],
)
def test_wilson_intervals_are_those_of_the_books(yes: int, of: int, expected: tuple[float, float, float]) -> None:
    """The last: Newcombe, Statistics in Medicine 17 (1998), table I."""
    found = Estimate.wilson(yes, of)

    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 20_000), st.booleans())
def test_a_share_lies_within_its_interval(of: int, every: bool) -> None:
    """To the last bit, also of 0 and 1: plots reject negative error bars."""
    found = Estimate.wilson(of if every else 0, of)

    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_metric_without_samples_is_null_in_json() -> None:
    nothing: dict[str, float | None] = {"value": None, "low": None, "high": None}
    assert (Estimate.wilson(0, 0).fields(), Estimate.exact(0, 0).fields()) == (nothing, nothing)


def test_one_wrong_label_of_one_leaves_the_promise_of_the_gate_possible() -> None:
    """By the exact interval; Wilson's ends at 0.79, and the candidate would not be promoted."""
    gate = Gate(gate=0.95, photos=1, of_photos=100, people=1, right=0)

    assert (gate.precision.value, gate.precision.low, gate.precision.high) == pytest.approx((0, 0, 0.975))
    assert gate.share == Estimate.wilson(1, 100)


def test_calibration_error_is_the_mean_distance_of_confidence_and_share_of_right_labels() -> None:
    confidence = np.concatenate([np.full(50, 0.6), np.full(50, 0.9)])
    right = np.tile(np.arange(25), 4) < np.repeat([15, 17], 50)  # 0.6 at confidence 0.6, and 0.68 at 0.9
    error, bins = calibration_of(confidence, right)

    assert error == pytest.approx(0.11)
    assert [one.count for one in bins] == [25] * 4


def test_a_photo_passes_the_gate_when_every_person_in_it_does() -> None:
    """As in the worker; a photo without people does not pass."""
    answers = ServedMatches(
        np.empty(0, bool),
        np.empty(0, bool),
        np.array([0, 0, 1, 2]),
        np.array([0.97, 0.96, 0.98, 0.94]),
        np.array([True, False, True, True]),
        np.zeros(4, dtype=np.intp),
    )

    found = gate_of(answers, 4, 0.95)

    assert (found.photos, found.of_photos, found.people, found.right) == (2, 4, 3, 2)


def test_consecutive_golden_photos_are_one_moment_and_any_other_name_its_own(tmp_path: Path) -> None:
    """Across the end of a minute, too."""
    kind = [tmp_path / "images/golden", tmp_path / "labels/golden"]
    names = [stem(photo_id(seconds)) for seconds in (59, 61, 200)] + [stem(photo_id(59, kiosk="k2")), "holiday"]
    for folder, suffix in zip(kind, ("jpg", "txt"), strict=True):
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.{suffix}").touch()

    moment = {one.path.stem: one.moment for one in golden_photos(tmp_path, classes=LABELS)}

    assert moment[names[0]] == moment[names[1]]
    assert len(set(moment.values())) == 4
    assert moment["holiday"] == "holiday"


def test_a_golden_photo_without_its_labels_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "images/golden").mkdir(parents=True)
    (tmp_path / "images/golden/a.jpg").touch()

    with pytest.raises(JudgementFailed, match=r"the labels of a\.jpg can't be read .*nothing was judged"):
        golden_photos(tmp_path, classes=LABELS)


def test_a_dataset_without_golden_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JudgementFailed, match="has no photo; nothing was judged"):
        golden_photos(tmp_path, classes=LABELS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"build": "b", "digest": "d"}', {"build": "b", "digest": "d"}),
        ("[]", {}),
        ("{", {}),
        (None, {}),
    ],
)
def test_a_folder_without_a_valid_manifest_has_no_build(
    tmp_path: Path, text: str | None, expected: dict[str, str]
) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)

    assert build_of(tmp_path) == expected


def test_people_are_counted_photo_by_photo() -> None:
    found = people([photo((MAN, HERE)), photo(), photo((WOMAN, HERE), (MAN, THERE))], classes=LABELS)

    assert found.photo.tolist() == [0, 2, 2]
    assert found.label.tolist() == [0, 1, 0]
