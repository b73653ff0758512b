"""Label errors by the teacher, and sanity checks."""

from __future__ import annotations

import pytest

from contracts.boxes import Box, LabelledBox
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import Label
from retrain.dataset.vetting.label_errors import find_label_errors
from retrain.dataset.vetting.sanity import check_sanity
from retrain.judge.predictions import PredictedPerson

HERE, NEXT, FAR = (0.1, 0.1, 0.4, 0.5), (0.12, 0.1, 0.42, 0.52), (0.6, 0.1, 0.9, 0.5)
MAN, WOMAN = Label.ADULT_MALE, Label.ELDER_FEMALE


def errors_of(labelled: list[tuple[Label, tuple[float, float, float, float]]], *seen: PredictedPerson) -> str | None:
    return find_label_errors(
        [LabelledBox(label, Box(*box)) for label, box in labelled], seen, sure=0.9, rare=PEOPLE.rare
    )


def test_a_teacher_that_agrees_or_is_unsure_reports_no_label_error() -> None:
    assert errors_of([(MAN, HERE)], PredictedPerson(MAN, 0.99, NEXT)) is None
    assert errors_of([(WOMAN, HERE)], PredictedPerson(MAN, 0.89, NEXT), PredictedPerson(MAN, 0.89, FAR)) is None
    assert errors_of([]) is None


def test_a_teacher_that_is_sure_of_another_label_reports_it() -> None:
    assert errors_of([(MAN, HERE)], PredictedPerson(WOMAN, 0.9, NEXT)) == "adult_male is seen as elder_female, at 0.90"


def test_an_elder_seen_where_an_adult_is_labelled_is_an_error_at_any_confidence() -> None:
    """Taught as an adult, an elder makes the next network call more elders adults. The other way needs a sure one."""
    assert errors_of([(MAN, HERE)], PredictedPerson(WOMAN, 0.4, NEXT)) == "adult_male is seen as elder_female, at 0.40"
    assert errors_of([(MAN, HERE)], PredictedPerson(Label.ADULT_FEMALE, 0.89, NEXT)) is None
    assert errors_of([(WOMAN, HERE)], PredictedPerson(Label.ADULT_FEMALE, 0.89, NEXT)) is None


def test_a_label_without_a_prediction_at_its_place_is_reported() -> None:
    assert errors_of([(MAN, HERE)], PredictedPerson(MAN, 0.5, FAR)) == "nobody is seen where adult_male is labelled"


def test_an_unlabelled_person_is_reported() -> None:
    """A model trained on such a picture would learn to miss people."""
    errors = errors_of([(MAN, HERE)], PredictedPerson(MAN, 0.9, HERE), PredictedPerson(WOMAN, 0.95, FAR))
    assert errors == "elder_female is seen at 0.95, and not labelled"


def test_each_prediction_matches_one_label_the_one_of_the_largest_overlap() -> None:
    two = [(MAN, HERE), (WOMAN, NEXT)]
    assert errors_of(two, PredictedPerson(WOMAN, 0.95, NEXT), PredictedPerson(MAN, 0.95, HERE)) is None
    assert errors_of(two, PredictedPerson(WOMAN, 0.95, NEXT)) == "nobody is seen where adult_male is labelled"


@pytest.mark.parametrize(
    ("boxes", "size", "what"),
    [
        ([HERE, FAR], (640, 480), None),
        ([], (640, 480), None),
        ([HERE], (640, 63), "the picture has 640 × 63 pixels"),
        ([(0.1, 0.1, 0.11, 0.5)], (640, 480), "box 1 has 6 × 192 pixels"),
        ([HERE, (0.1, 0.1, 0.15, 0.9)], (640, 480), "box 2 has 32 × 384 pixels: nobody has this form"),
        ([(0, 0, 1, 1)], (640, 480), "box 1 is the whole picture"),
        ([HERE, FAR, (0.1, 0.1, 0.4, 0.49)], (640, 480), "boxes 1 and 3 are the same person"),
    ],
)
def test_an_implausible_box_or_picture_fails_a_sanity_check(
    boxes: list[tuple[float, float, float, float]], size: tuple[int, int], what: str | None
) -> None:
    assert check_sanity([LabelledBox(MAN, Box(*box)) for box in boxes], size) == what
