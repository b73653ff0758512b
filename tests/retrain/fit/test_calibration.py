"""Calibration: fitted on examples, low with few of them, and accepted by the worker."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox
from contracts.formulas.calibration import MAX_CONFIDENCE, BetaCalibration
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from retrain.fit.calibration import (
    AS_IT_IS,
    DOUBT,
    Example,
    calibrate,
    examples,
)
from retrain.judge.golden import GoldenPhoto
from retrain.judge.predictions import PredictedPerson, Prediction
from worker.kiosk.calibration import calibrations_by_label

LEAST = 0.25


def people(
    count: int, *, truth: BetaCalibration, seed: int = 0, human: bool = True, labels: Sequence[Label] = LABELS
) -> list[Example]:
    """`count` people, right with the formula's probability, each of a moment of its own."""
    chance = random.Random(seed)
    examples = []
    for number in range(count):
        score = chance.uniform(LEAST, 0.98)
        right = chance.random() < truth(score)
        examples.append(Example(chance.choice(labels), score, right, human, f"moment {seed} {number}"))
    return examples


def confidences(fitted: Mapping[str, Any], label: Label, scores: Sequence[float]) -> list[float]:
    """The worker's confidences with the manifest."""
    formula = calibrations_by_label(fitted, min_score=LEAST)[label.yolo_class]
    return [formula(score) for score in scores]


TOO_SURE = BetaCalibration(-0.8, 0.6, -0.6)
TRUE = BetaCalibration(0.0, 1.0, -1.0)


def test_an_overconfident_network_gets_lower_confidences() -> None:
    fitted = calibrate(people(3000, truth=TOO_SURE), least=LEAST)

    scores = [0.3, 0.6, 0.9, 0.97]
    assert confidences(fitted, Label.ADULT_MALE, scores) == pytest.approx(
        [TOO_SURE(score) for score in scores], abs=0.05
    )
    facts = fitted["fitted"]
    assert facts["ece_after"] < 0.03
    assert facts["ece_before"] > 0.1
    assert (facts["people"]["all"], facts["people"]["human"], facts["warnings"]) == (3000, 3000, [])
    assert facts["data"] == "validation people whom a person has checked"


def test_a_calibrated_network_keeps_its_scores() -> None:
    fitted = calibrate(people(3000, truth=TRUE), least=LEAST)

    assert confidences(fitted, Label.ELDER_FEMALE, [0.3, 0.6, 0.9]) == pytest.approx([0.3, 0.6, 0.9], abs=0.05)


@pytest.mark.parametrize("count", [0, 5, 29])
def test_with_few_people_nothing_passes_the_gate_and_there_is_a_warning(count: int) -> None:
    """Although all of them are right and the scores are high."""
    sure = [Example(Label.ADULT_MALE, 0.97, True, True, str(number)) for number in range(count)]

    fitted = calibrate(sure, least=LEAST)

    assert max(confidences(fitted, Label.ADULT_MALE, [0.9, 0.99, 1.0])) < 0.95
    assert fitted["fitted"]["warnings"][0].startswith(f"only {count} people to calibrate on, of 30 needed")


def test_labels_with_people_enough_get_their_own_formula() -> None:
    women = people(400, truth=BetaCalibration(-1.5, 1.0, -1.0), labels=[Label.ELDER_FEMALE])
    men = people(400, truth=BetaCalibration(1.0, 1.0, -1.0), seed=1, labels=[Label.ADULT_MALE])
    few = people(10, truth=TRUE, seed=2, labels=[Label.ADULT_FEMALE])

    fitted = calibrate(women + men + few, least=LEAST)

    assert sorted(fitted["by_label"]) == ["adult_male", "elder_female"]
    [woman], [man] = (confidences(fitted, label, [0.7]) for label in (Label.ELDER_FEMALE, Label.ADULT_MALE))
    assert woman == pytest.approx(0.34, abs=0.08)
    assert man == pytest.approx(0.86, abs=0.08)
    assert [one["own_formula"] for one in fitted["fitted"]["by_label"].values()] == [False, True, True, False]


def test_enough_human_checked_people_are_used_alone() -> None:
    """A model's own labels are right by definition."""
    by_machine = [Example(Label.ADULT_MALE, 0.9, True, False, f"machine {number}") for number in range(1000)]
    by_hand = people(150, truth=TOO_SURE)

    alone = calibrate([*by_machine, *by_hand], least=LEAST)
    together = calibrate([*by_machine, *by_hand[:50]], least=LEAST)

    assert alone == calibrate(by_hand, least=LEAST)
    assert alone["fitted"]["warnings"] == []
    assert together["fitted"]["people"] == {
        "all": 1050,
        "right": pytest.approx(1025, abs=25),
        "human": 50,
        "automatic": 1000,
    }
    assert "labelled by a model that was sure" in together["fitted"]["data"]
    assert together["fitted"]["warnings"][0].startswith("most of the people to calibrate on were labelled by a model")


def test_examples_with_falling_accuracy_leave_the_prior() -> None:
    upside_down = [
        Example(Label.ADULT_MALE, 0.3 + 0.6 * (number % 2), number % 2 == 0, True, str(number)) for number in range(400)
    ]

    fitted = calibrate(upside_down, least=LEAST)

    calibrations_by_label(fitted, min_score=LEAST)  # or ValueError
    assert confidences(fitted, Label.ADULT_MALE, [0.95])[0] < 0.95


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.floats(LEAST, 1), st.booleans(), st.booleans()), max_size=120),
    st.sampled_from([0.05, 0.25, 0.5]),
)
def test_the_worker_accepts_every_fitted_formula(seen: list[tuple[Label, float, bool, bool]], least: float) -> None:
    every = [Example(*one, str(number)) for number, one in enumerate(seen)]

    fitted = calibrate(every, least=least)

    for formula in calibrations_by_label(fitted, min_score=least):
        assert formula(1.0) <= MAX_CONFIDENCE


def test_the_same_people_give_the_same_formula() -> None:
    some = people(200, truth=TOO_SURE)

    assert calibrate(some, least=LEAST) == calibrate(some, least=LEAST)


def test_as_it_is_the_worker_keeps_the_scores_up_to_its_cap() -> None:
    [formula, *_] = calibrations_by_label(AS_IT_IS, min_score=LEAST)

    assert [formula(score) for score in (0.25, 0.5, 0.99, 1.0)] == pytest.approx([0.25, 0.5, 0.99, MAX_CONFIDENCE])


def test_with_the_prior_alone_nothing_passes_a_gate_of_95_percent() -> None:
    assert [DOUBT(score) for score in (0.25, 0.5, 0.9, 1.0)] == pytest.approx([0.274, 0.602, 0.831, 0.858], abs=1e-3)


def test_a_box_is_right_when_it_matches_a_person_of_its_label() -> None:
    here, there = Box(0.1, 0.1, 0.3, 0.3), Box(0.6, 0.6, 0.8, 0.8)
    photos = [
        GoldenPhoto(Path("k1_a.jpg"), "noon", (LabelledBox(Label.ELDER_MALE, here),)),
        GoldenPhoto(
            Path("k1_b.jpg"), "one", (LabelledBox(Label.ELDER_MALE, here), LabelledBox(Label.ADULT_MALE, there))
        ),
    ]

    def seen(label: Label, score: float, box: Box, answers: Answers | None = None) -> PredictedPerson:
        return PredictedPerson(label, score, box.corners, answers)

    answers = Answers.of(elder=0.85, female=0.25)
    predictions = [
        Prediction(
            Path("k1_a.jpg"), people=(seen(Label.ELDER_MALE, 0.5, there), seen(Label.ELDER_MALE, 0.7, here, answers))
        ),
        Prediction(Path("k1_b.jpg"), people=(seen(Label.ELDER_MALE, 0.6, there),)),
    ]

    first, *others = examples(photos, predictions, human={"k1_b"})
    assert first.scores == pytest.approx((0.7, 0.15, 0.05, 0.1))
    assert (replace(first, scores=None), *others) == (
        Example(Label.ELDER_MALE, 0.7, True, False, "noon", elder=True),
        Example(Label.ELDER_MALE, 0.5, False, False, "noon"),
        Example(Label.ELDER_MALE, 0.6, False, True, "one", elder=False),
    )


def test_the_calibration_error_of_the_age_is_measured_on_boxes_that_match_a_person() -> None:
    """Women whose label is right by its score, taken for elder men otherwise: the age is surer than the label."""
    chance = random.Random(0)
    women = []
    for number in range(2000):
        score = chance.uniform(LEAST, 0.9)
        scores = (0.9 * (1 - score), score, 0.1 * (1 - score), 0.0)
        label = chance.choices(LABELS, scores)[0]
        right = label is Label.ELDER_FEMALE
        women.append(Example(Label.ELDER_FEMALE, score, right, True, f"moment {number}", scores, label.elder))
    nobody = [Example(Label.ADULT_MALE, 0.3, False, True, f"nobody {number}", (0, 0, 1, 0)) for number in range(50)]

    age = calibrate(women + nobody, least=LEAST)["fitted"]["age"]

    elders = sum(bool(example.elder) for example in women)
    assert (age["people"], age["right"]) == (2000, elders)
    assert elders > 1850
    assert age["ece"] < 0.03


def test_without_answers_or_moments_the_age_is_not_measured() -> None:
    assert calibrate(people(300, truth=TRUE), least=LEAST)["fitted"]["age"] is None
    assert calibrate(people(5, truth=TRUE), least=LEAST)["fitted"]["age"] is None


def test_the_calibration_error_is_cross_validated() -> None:
    """Every fifth moment is wrong, so a formula fitted on the others is overconfident there."""
    some = [Example(Label.ELDER_MALE, 0.8, number % 5 != 0, True, f"moment {number}") for number in range(300)]

    fitted = calibrate(some, least=0.25)["fitted"]

    assert fitted["bins"][-1]["said"] > 0.9
    assert fitted["bins"][-1]["right"] < 0.1
