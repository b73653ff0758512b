"""Labels that something speaks against."""

from __future__ import annotations

import pytest

from contracts.boxes import Box
from contracts.labels import Label
from retrain.dataset.vetting.label_errors import contradiction
from retrain.dataset.vetting.sanity import odd
from retrain.judge.predictions import PredictedPerson

HERE, NEXT, FAR = (0.1, 0.1, 0.4, 0.5), (0.12, 0.1, 0.42, 0.52), (0.6, 0.1, 0.9, 0.5)
MAN, WOMAN = Label.ADULT_MALE, Label.ELDER_FEMALE


def contradicted(labelled: list[tuple[Label, tuple[float, float, float, float]]], *seen: PredictedPerson) -> str | None:
    return contradiction([(label, Box(*box)) for label, box in labelled], seen, sure=0.9)


def test_a_teacher_who_agrees_or_is_unsure_says_nothing() -> None:
    assert contradicted([(MAN, HERE)], PredictedPerson(MAN, 0.99, NEXT)) is None
    assert contradicted([(MAN, HERE)], PredictedPerson(WOMAN, 0.89, NEXT), PredictedPerson(MAN, 0.89, FAR)) is None
    assert contradicted([]) is None


def test_a_teacher_who_is_sure_of_another_label_contradicts() -> None:
    assert (
        contradicted([(MAN, HERE)], PredictedPerson(WOMAN, 0.9, NEXT)) == "adult_male is seen as elder_female, at 0.90"
    )


def test_a_label_where_nobody_is_seen_is_contradicted() -> None:
    assert contradicted([(MAN, HERE)], PredictedPerson(MAN, 0.5, FAR)) == "nobody is seen where adult_male is labelled"


def test_a_person_without_a_label_contradicts() -> None:
    """Such a picture would teach not to see them."""
    told = contradicted([(MAN, HERE)], PredictedPerson(MAN, 0.9, HERE), PredictedPerson(WOMAN, 0.95, FAR))
    assert told == "elder_female is seen at 0.95, and not labelled"


def test_each_person_is_seen_once_and_the_nearest_is_meant() -> None:
    two = [(MAN, HERE), (WOMAN, NEXT)]
    assert contradicted(two, PredictedPerson(WOMAN, 0.95, NEXT), PredictedPerson(MAN, 0.95, HERE)) is None
    assert contradicted(two, PredictedPerson(WOMAN, 0.95, NEXT)) == "nobody is seen where adult_male is labelled"


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
def test_forms_that_nobody_has_are_odd(
    boxes: list[tuple[float, float, float, float]], size: tuple[int, int], what: str | None
) -> None:
    assert odd([(MAN, Box(*box)) for box in boxes], size) == what
