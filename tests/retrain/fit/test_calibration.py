"""From a network's scores to confidences that hold: fitted, doubted when there is little, accepted by the worker."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox
from contracts.calibration import MAX_CONFIDENCE, BetaCalibration
from contracts.labels import LABELS, Label
from retrain.fit.calibration import (
    AS_IT_IS,
    DOUBT,
    Example,
    FittedCalibration,
    calibrate,
    examples,
)
from retrain.judge.golden import GoldenPhoto
from retrain.judge.predictions import PredictedPerson, Prediction
from worker.models.calibration import calibrations_by_label

LEAST = 0.25


def people(
    count: int, *, truth: BetaCalibration, seed: int = 0, human: bool = True, labels: Sequence[Label] = LABELS
) -> list[Example]:
    """So many, of whom as many are right as the formula says, each of a moment of their own."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        score = chance.uniform(LEAST, 0.98)
        right = chance.random() < truth(score)
        found.append(Example(chance.choice(labels), score, right, human, f"moment {seed} {number}"))
    return found


def confidences(fitted: FittedCalibration, label: Label, scores: Sequence[float]) -> list[float]:
    """What the worker makes of the manifest."""
    formula = calibrations_by_label(fitted.fields, min_score=LEAST)[label.yolo_class]
    return [formula(score) for score in scores]


TOO_SURE = BetaCalibration(-0.8, 0.6, -0.6)
TRUE = BetaCalibration(0.0, 1.0, -1.0)


def test_a_network_that_is_too_sure_is_believed_less() -> None:
    fitted = calibrate(people(3000, truth=TOO_SURE), least=LEAST)

    scores = [0.3, 0.6, 0.9, 0.97]
    assert confidences(fitted, Label.ADULT_MALE, scores) == pytest.approx(
        [TOO_SURE(score) for score in scores], abs=0.05
    )
    facts = fitted.fields["fitted"]
    assert facts["ece_after"] < 0.03
    assert facts["ece_before"] > 0.1
    assert (facts["people"]["all"], facts["people"]["human"], facts["warnings"]) == (3000, 3000, [])
    assert facts["data"] == "validation people whom a person has checked"


def test_a_network_that_is_right_about_itself_is_left_nearly_as_it_is() -> None:
    fitted = calibrate(people(3000, truth=TRUE), least=LEAST)

    assert confidences(fitted, Label.ELDER_FEMALE, [0.3, 0.6, 0.9]) == pytest.approx([0.3, 0.6, 0.9], abs=0.05)


@pytest.mark.parametrize("count", [0, 5, 29])
def test_with_few_people_nothing_passes_the_gate_and_it_says_so(count: int) -> None:
    """Each of them is right, and the network is sure: that proves nothing yet."""
    sure = [Example(Label.ADULT_MALE, 0.97, True, True, str(number)) for number in range(count)]

    fitted = calibrate(sure, least=LEAST)

    assert max(confidences(fitted, Label.ADULT_MALE, [0.9, 0.99, 1.0])) < 0.95
    assert fitted.warnings[0].startswith(f"only {count} people to calibrate on, of 30")
    assert fitted.fields["fitted"]["warnings"] == list(fitted.warnings)


def test_labels_with_people_enough_get_their_own_formula() -> None:
    women = people(400, truth=BetaCalibration(-1.5, 1.0, -1.0), labels=[Label.ELDER_FEMALE])
    men = people(400, truth=BetaCalibration(1.0, 1.0, -1.0), seed=1, labels=[Label.ADULT_MALE])
    few = people(10, truth=TRUE, seed=2, labels=[Label.ADULT_FEMALE])

    fitted = calibrate(women + men + few, least=LEAST)

    assert sorted(fitted.fields["by_label"]) == ["adult_male", "elder_female"]
    [woman], [man] = (confidences(fitted, label, [0.7]) for label in (Label.ELDER_FEMALE, Label.ADULT_MALE))
    assert woman == pytest.approx(0.34, abs=0.08)
    assert man == pytest.approx(0.86, abs=0.08)
    assert [one["own_formula"] for one in fitted.fields["fitted"]["by_label"].values()] == [False, True, True, False]


def test_people_whom_a_person_has_checked_are_believed_alone_when_they_are_enough() -> None:
    """What a model was sure of is right by its own word."""
    by_machine = [Example(Label.ADULT_MALE, 0.9, True, False, f"machine {number}") for number in range(1000)]
    by_hand = people(150, truth=TOO_SURE)

    alone = calibrate([*by_machine, *by_hand], least=LEAST)
    together = calibrate([*by_machine, *by_hand[:50]], least=LEAST)

    assert alone.fields == calibrate(by_hand, least=LEAST).fields
    assert alone.warnings == ()
    assert together.fields["fitted"]["people"] == {
        "all": 1050,
        "right": pytest.approx(1025, abs=25),
        "human": 50,
        "automatic": 1000,
    }
    assert "labelled by a model that was sure" in together.fields["fitted"]["data"]
    assert together.warnings[0].startswith("most of the people that it is calibrated on were labelled by a model")


def test_people_who_say_that_a_higher_score_is_worse_say_nothing() -> None:
    upside_down = [
        Example(Label.ADULT_MALE, 0.3 + 0.6 * (number % 2), number % 2 == 0, True, str(number)) for number in range(400)
    ]

    fitted = calibrate(upside_down, least=LEAST)

    calibrations_by_label(fitted.fields, min_score=LEAST)  # or ValueError
    assert confidences(fitted, Label.ADULT_MALE, [0.95])[0] < 0.95


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.floats(LEAST, 1), st.booleans(), st.booleans()), max_size=120),
    st.sampled_from([0.05, 0.25, 0.5]),
)
def test_whatever_was_seen_the_worker_accepts_what_is_fitted(
    seen: list[tuple[Label, float, bool, bool]], least: float
) -> None:
    every = [Example(*one, str(number)) for number, one in enumerate(seen)]

    fitted = calibrate(every, least=least)

    for formula in calibrations_by_label(fitted.fields, min_score=least):
        assert formula(1.0) <= MAX_CONFIDENCE


def test_the_same_people_give_the_same_formula() -> None:
    some = people(200, truth=TOO_SURE)

    assert calibrate(some, least=LEAST) == calibrate(some, least=LEAST)


def test_scores_as_they_are_are_what_the_worker_tells_up_to_its_cap() -> None:
    [formula, *_] = calibrations_by_label(AS_IT_IS, min_score=LEAST)

    assert [formula(score) for score in (0.25, 0.5, 0.99, 1.0)] == pytest.approx([0.25, 0.5, 0.99, MAX_CONFIDENCE])


def test_doubt_lets_nothing_pass() -> None:
    assert [DOUBT(score) for score in (0.25, 0.5, 0.9, 1.0)] == pytest.approx([0.274, 0.602, 0.831, 0.858], abs=1e-3)


def test_a_box_is_right_when_somebody_of_that_label_is_there() -> None:
    here, there = Box(0.1, 0.1, 0.3, 0.3), Box(0.6, 0.6, 0.8, 0.8)
    photos = [
        GoldenPhoto(Path("k1_a.jpg"), "noon", (LabelledBox(Label.ELDER_MALE, here),)),
        GoldenPhoto(
            Path("k1_b.jpg"), "one", (LabelledBox(Label.ELDER_MALE, here), LabelledBox(Label.ADULT_MALE, there))
        ),
    ]

    def seen(label: Label, score: float, box: Box) -> PredictedPerson:
        return PredictedPerson(label, score, box.corners)

    said = [
        Prediction(Path("k1_a.jpg"), people=(seen(Label.ELDER_MALE, 0.5, there), seen(Label.ELDER_MALE, 0.7, here))),
        Prediction(Path("k1_b.jpg"), people=(seen(Label.ELDER_MALE, 0.6, there),)),
    ]

    assert examples(photos, said, human={"k1_b"}) == (
        Example(Label.ELDER_MALE, 0.7, True, False, "noon"),
        Example(Label.ELDER_MALE, 0.5, False, False, "noon"),
        Example(Label.ELDER_MALE, 0.6, False, True, "one"),
    )


def test_how_well_it_holds_is_measured_on_people_whom_it_was_not_fitted_on() -> None:
    """Every fifth moment is wrong: whoever was fitted on the others is sure of it, and is told so."""
    some = [Example(Label.ELDER_MALE, 0.8, number % 5 != 0, True, f"moment {number}") for number in range(300)]

    fitted = calibrate(some, least=0.25).fields["fitted"]

    assert fitted["bins"][-1]["said"] > 0.9
    assert fitted["bins"][-1]["right"] < 0.1
