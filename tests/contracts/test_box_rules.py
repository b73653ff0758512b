"""The rules for boxes that enter."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.box_rules import EDGE, box_of_corners, class_number, number, people_of
from contracts.boxes import Box, LabelledBox
from contracts.errors import InvalidBox
from recipes.kiosk.labels import Label

numbers = st.floats(-0.02, 1.02) | st.floats()


@pytest.mark.parametrize(
    ("corners", "inside"),
    [
        ((0.8655, 0.3, 1.0005, 0.7), (0.8655, 0.3, 1.0, 0.7)),
        ((-0.005, 0.3, 1.005, 0.7), (0.0, 0.3, 1.0, 0.7)),
        ((0.1, -0.0049, 0.2, 1.0), (0.1, 0.0, 0.2, 1.0)),
    ],
)
def test_a_corner_just_outside_is_moved_to_the_edge(corners: Any, inside: Any) -> None:
    assert box_of_corners(*corners) == Box(*inside)


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("by", [0.0051, 0.02, 1.0, math.inf, math.nan])
def test_a_corner_further_outside_is_invalid(side: int, by: float) -> None:
    corners = [0.0, 0.0, 1.0, 1.0]
    corners[side] += by if side > 1 else -by
    with pytest.raises(InvalidBox):
        box_of_corners(*corners)


@given(numbers, numbers, numbers, numbers)
def test_a_box_is_inside_the_picture_and_near_its_numbers_or_invalid(
    x0: float, y0: float, x1: float, y1: float
) -> None:
    try:
        box = box_of_corners(x0, y0, x1, y1)
    except InvalidBox:
        return
    for corner, stated in zip(box.corners, (x0, y0, x1, y1), strict=True):
        assert 0 <= corner <= 1
        assert abs(corner - stated) <= EDGE + 1e-6


@pytest.mark.parametrize("value", ["0", "0.0", "00", 0, 0.0, "0e5", "+0", "-0"])
def test_a_whole_class_number_is_read_in_each_form(value: Any) -> None:
    assert class_number(value) == 0


@pytest.mark.parametrize(
    "value", ["0.5", 0.5, "-1", -1, "nan", math.nan, "inf", "1e999", "0x1", "1_0", "", "a", "٣", True, None]
)
def test_what_is_no_class_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidBox):
        class_number(value)


def test_a_number_too_large_for_a_float_is_not_finite() -> None:
    with pytest.raises(InvalidBox, match="not a finite number"):
        number(10**400)


def test_a_box_counts_once_however_it_is_rounded() -> None:
    first = LabelledBox(Label.ELDER_MALE, Box(0.1234, 0.2, 0.5678, 0.9))
    again = LabelledBox(Label.ELDER_MALE, Box(0.123, 0.2, 0.568, 0.9))
    other = LabelledBox(Label.ADULT_MALE, Box(0.1234, 0.2, 0.57, 0.9))
    people = people_of([first, other, again, first])
    assert (people.boxes, people.doubled) == ((first, other), 2)
