"""Label files: what is written is read back, and an invalid line is named."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from contracts.box_rules import is_same_box
from contracts.boxes import Box, LabelledBox
from contracts.errors import InvalidLabelFile
from contracts.yolo import format_labels, parse_labels
from recipes.kiosk.labels import LABELS, Label
from tests import strategies
from tests.strategies import labels


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2, unique=True)))
    return Box(x0 / 1e5, y0 / 1e5, x1 / 1e5, y1 / 1e5)


@given(
    st.lists(
        st.builds(LabelledBox, labels, boxes()), unique_by=lambda person: tuple(round(c, 2) for c in person.box.corners)
    )
)
def test_people_survive_their_label_file(people: list[LabelledBox]) -> None:
    """In order, if each has a box of their own."""
    assume(not any(is_same_box(a.box, b.box) for a, b in combinations(people, 2)))
    parsed = parse_labels(format_labels(people, LABELS), LABELS)
    assert [person.label for person in parsed] == [person.label for person in people]
    for person, written in zip(parsed, people, strict=True):
        assert person.box.corners == pytest.approx(written.box.corners, abs=2e-6)


@given(st.builds(LabelledBox, labels, strategies.boxes()))
@example(LabelledBox(Label.ELDER_MALE, Box(0.0, 0.0, 0.2000007, 0.5)))
@example(LabelledBox(Label.ELDER_MALE, Box(0.7999993, 0.5000003, 1.0, 1.0)))
def test_a_label_file_that_is_read_and_written_again_has_the_same_bytes(person: LabelledBox) -> None:
    """Also for a box at an edge, which six decimals can move out of the picture; one without area can't be read."""
    text = format_labels([person], LABELS)
    try:
        parsed = parse_labels(text, LABELS)
    except InvalidLabelFile:
        assert " 0.000000" in text
        return
    assert format_labels(parsed, LABELS) == text


@given(st.integers(1, 10**6), st.sampled_from([-0.4, -0.1, 0.1, 0.4]), st.booleans())
def test_a_box_at_an_edge_is_written_again_with_the_same_bytes(width: int, beyond: float, right: bool) -> None:
    """Of whatever width, in millionths, and a part of one."""
    side = min((width + beyond) / 1e6, 1.0)
    box = Box(1 - side, 0.25, 1.0, 0.75) if right else Box(0.0, 0.25, side, 0.75)
    text = format_labels([LabelledBox(Label.ADULT_MALE, box)], LABELS)
    assert format_labels(parse_labels(text, LABELS), LABELS) == text


def test_an_empty_file_means_that_no_person_is_in_the_picture() -> None:
    assert parse_labels("", LABELS) == parse_labels("\n \n", LABELS) == ()


def test_the_class_number_is_the_place_among_the_labels() -> None:
    person = LabelledBox(Label.ADULT_FEMALE, Box(0.1, 0.2, 0.5, 0.8))
    assert format_labels([person], LABELS) == "3 0.300000 0.500000 0.400000 0.600000\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("4 0.5 0.5 0.1 0.1", "is of class 4, not a class from 0 to 3"),
        ("-1 0.5 0.5 0.1 0.1", "'-1' is not a class number"),
        ("0.5 0.5 0.5 0.1 0.1", "'0.5' is not a class number"),
        ("1e-3 0.5 0.5 0.1 0.1", "'1e-3' is not a class number"),
        ("nan 0.5 0.5 0.1 0.1", "'nan' is not a finite number"),
        ("1_0 0.5 0.5 0.1 0.1", "'1_0' is not a number"),
        ("person 0.5 0.5 0.1 0.1", "'person' is not a number"),
        ("0 0.5 0.5 0.1", "four fractions"),
        ("0 0.5 0.5 0.1 0.1 0.9", "a confidence or another number"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.3", "an outline of points"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3", "an outline of points"),
        ("0,0.5,0.5,0.1,0.1", "four fractions"),
        ("0 0,5 0,5 0,1 0,1", "'0,5' is not a number"),
        ("0 0.5 0.5 0.1 1.02", "leaves the picture"),
        ("0 320 240 64 48", "leaves the picture"),
        ("0 nan 0.5 0.1 0.1", "'nan' is not a finite number"),
        ("0 0.5 inf 0.1 0.1", "'inf' is not a finite number"),
        ("0 0.5 0.5 1e400 0.1", "'1e400' is not a finite number"),
        ("0 0.5 0.5 0 0.1", "has no area"),
        ("0 0.5 0.5 -0.1 0.1", "has no area"),
        ("0 0.5 0.5 0.0000004 0.1", "has no area"),
    ],
)
def test_an_invalid_line_is_named(line: str, why: str) -> None:
    with pytest.raises(InvalidLabelFile, match=f"^line 2 .*{why}"):
        parse_labels(f"0 0.2 0.2 0.1 0.1\n{line}\n", LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "0 0.5 0.5 0.4 0.4\r\n1 0.2 0.2 0.1 0.1\r\n",
        "0\t0.5\t0.5\t0.4\t0.4\n1 0.2 0.2 0.1 0.1   \n\n",
        "0.0 0.5 0.5 0.4 0.4\n1.000 .2 2e-1 +0.1 0.1",
        "  0 0.5 0.5 0.4 0.4\n\n1 0.2 0.2 0.1 0.1\n0 0.5 0.5 0.4 0.4\n",
        "00 0.5 0.5 0.4 0.4\n1 0.2 0.2 0.1 0.1\n1 0.2004 0.2 0.1 0.1\n",
    ],
)
def test_the_forms_of_one_label_file_are_read_alike(text: str) -> None:
    assert format_labels(parse_labels(text, LABELS), LABELS) == (
        "0 0.500000 0.500000 0.400000 0.400000\n1 0.200000 0.200000 0.100000 0.100000\n"
    )


def test_a_box_at_the_edge_that_was_rounded_to_three_decimals_is_read() -> None:
    """Its corner is at 1.0005."""
    assert (
        format_labels(parse_labels("0 0.933 0.5 0.135 0.4\n", LABELS), LABELS)
        == "0 0.932750 0.500000 0.134500 0.400000\n"
    )


def test_the_same_box_with_two_labels_is_invalid() -> None:
    """Only a person can tell which is right."""
    with pytest.raises(InvalidLabelFile, match="the same box is labelled elder_male and elder_female"):
        parse_labels("0 0.5 0.5 0.4 0.4\n1 0.5 0.5 0.4 0.4\n", LABELS)


@given(st.lists(st.text("0123456789.-+einfa \t\n\r\ufeff_,", max_size=40), max_size=6).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what was read is written again with the same bytes."""
    try:
        written = format_labels(parse_labels(text, LABELS), LABELS)
    except InvalidLabelFile:
        return
    assert format_labels(parse_labels(written, LABELS), LABELS) == written
