"""Matching of shown and checked boxes, and the kinds of correction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox, iou
from recipes.kiosk.labels import Label
from retrain.review.matching import SAME_PERSON, Change, changes, matched
from tests.retrain.review.shop import HER, HIM, LEFT, People
from tests.strategies import boxes, labels

people = st.lists(st.builds(LabelledBox, labels, boxes()), max_size=5)


@given(people, people)
def test_a_person_is_matched_once_and_only_by_a_large_overlap(shown: People, checked: People) -> None:
    found = matched(shown, checked)
    taken = [other for other in found if other is not None]
    assert len(set(taken)) == len(taken)
    for place, other in enumerate(found):
        assert other is None or iou(shown[place].box, checked[other].box) >= SAME_PERSON


@given(people)
def test_a_person_left_as_shown_is_not_changed(shown: People) -> None:
    """Boxes without area in floats are no people, so they are left out here."""
    shown = [one for one in shown if iou(one.box, one.box) == 1]
    assert changes(shown, shown) == ()
    assert changes(shown, []) == ((Change.REMOVED,) if shown else ())
    assert changes([], shown) == ((Change.ADDED,) if shown else ())


@pytest.mark.parametrize(
    ("checked", "kinds"),
    [
        ([HER, HIM], ()),
        ([HIM, HER], ()),
        ([LabelledBox(Label.ELDER_FEMALE, Box(0.1005, 0.2, 0.3, 0.6)), HIM], ()),
        ([LabelledBox(Label.ELDER_MALE, LEFT), HIM], (Change.LABEL,)),
        ([LabelledBox(Label.ELDER_FEMALE, Box(0.1, 0.2, 0.3, 0.5)), HIM], (Change.BOX,)),
        ([LabelledBox(Label.ELDER_MALE, Box(0.1, 0.2, 0.3, 0.5))], (Change.LABEL, Change.BOX, Change.REMOVED)),
        ([HER, HIM, LabelledBox(Label.ADULT_MALE, Box(0.4, 0.2, 0.5, 0.6))], (Change.ADDED,)),
        ([HER, LabelledBox(Label.ADULT_MALE, Box(0.85, 0.2, 0.95, 0.6))], (Change.ADDED, Change.REMOVED)),
    ],
)
def test_corrections_have_kinds(checked: People, kinds: tuple[Change, ...]) -> None:
    assert changes([HER, HIM], checked) == kinds


def test_of_two_people_in_one_place_each_keeps_the_label() -> None:
    """A mother and the child before her, say: equal overlaps, so labels decide."""
    assert matched(
        [LabelledBox(Label.ELDER_FEMALE, LEFT), LabelledBox(Label.ADULT_MALE, LEFT)],
        [LabelledBox(Label.ADULT_MALE, LEFT), HER],
    ) == [1, 0]
