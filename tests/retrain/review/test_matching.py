"""Which box is which, and what was corrected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box
from contracts.labels import Label
from retrain.review.matching import SAME_PERSON, Change, People, changes, iou, matched
from tests.retrain.review.shop import HER, HIM, LEFT, RIGHT
from tests.strategies import boxes, labels

people = st.lists(st.tuples(labels, boxes()), max_size=5)


@given(boxes(), boxes())
def test_overlap_is_a_fraction_the_same_from_both_sides(one: Box, other: Box) -> None:
    assert 0 <= iou(one, other) <= 1
    assert iou(one, other) == iou(other, one)


def test_overlap_is_shared_area_over_all_area() -> None:
    assert iou(Box(0, 0, 0.5, 1), Box(0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)
    assert iou(LEFT, LEFT) == 1
    assert iou(LEFT, RIGHT) == iou(Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)) == 0


@given(people, people)
def test_nobody_is_matched_twice_and_only_by_a_large_overlap(shown: People, checked: People) -> None:
    found = matched(shown, checked)
    taken = [other for other in found if other is not None]
    assert len(set(taken)) == len(taken)
    for place, other in enumerate(found):
        assert other is None or iou(shown[place][1], checked[other][1]) >= SAME_PERSON


@given(people)
def test_who_is_left_as_shown_is_not_changed(shown: People) -> None:
    """Boxes without area in floats are no people, so they are left out here."""
    shown = [one for one in shown if iou(one[1], one[1]) == 1]
    assert changes(shown, shown) == ()
    assert changes(shown, []) == ((Change.REMOVED,) if shown else ())
    assert changes([], shown) == ((Change.ADDED,) if shown else ())


@pytest.mark.parametrize(
    ("checked", "kinds"),
    [
        ([HER, HIM], ()),
        ([HIM, HER], ()),
        ([(Label.ELDER_FEMALE, Box(0.1005, 0.2, 0.3, 0.6)), HIM], ()),
        ([(Label.ELDER_MALE, LEFT), HIM], (Change.LABEL,)),
        ([(Label.ELDER_FEMALE, Box(0.1, 0.2, 0.3, 0.5)), HIM], (Change.BOX,)),
        ([(Label.ELDER_MALE, Box(0.1, 0.2, 0.3, 0.5))], (Change.LABEL, Change.BOX, Change.REMOVED)),
        ([HER, HIM, (Label.ADULT_MALE, Box(0.4, 0.2, 0.5, 0.6))], (Change.ADDED,)),
        ([HER, (Label.ADULT_MALE, Box(0.85, 0.2, 0.95, 0.6))], (Change.ADDED, Change.REMOVED)),
    ],
)
def test_corrections_have_kinds(checked: People, kinds: tuple[Change, ...]) -> None:
    assert changes([HER, HIM], checked) == kinds


def test_of_two_people_in_one_place_each_keeps_their_label() -> None:
    """A mother and the child before her, say: equal overlaps, so labels decide."""
    assert matched([(Label.ELDER_FEMALE, LEFT), (Label.ADULT_MALE, LEFT)], [(Label.ADULT_MALE, LEFT), HER]) == [1, 0]
