"""Label files: what is written is read back, and an invalid line is named."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox
from contracts.errors import InvalidLabelFile
from contracts.labels import Label
from contracts.yolo import format_labels, parse_labels
from tests import strategies
from tests.strategies import labels


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2, unique=True)))
    return Box(x0 / 1e5, y0 / 1e5, x1 / 1e5, y1 / 1e5)


@given(st.lists(st.builds(LabelledBox, labels, boxes())))
def test_people_survive_their_label_file(people: list[LabelledBox]) -> None:
    parsed = parse_labels(format_labels(people))
    assert [person.label for person in parsed] == [person.label for person in people]
    for person, written in zip(parsed, people, strict=True):
        assert person.box.corners == pytest.approx(written.box.corners, abs=2e-6)


@given(st.builds(LabelledBox, labels, strategies.boxes()))
@example(LabelledBox(Label.ELDER_MALE, Box(0.0, 0.0, 0.2000007, 0.5)))
@example(LabelledBox(Label.ELDER_MALE, Box(0.7999993, 0.5000003, 1.0, 1.0)))
def test_a_label_file_that_is_read_and_written_again_has_the_same_bytes(person: LabelledBox) -> None:
    """Also for a box at an edge, which six decimals can move out of the picture; one without area can't be read."""
    text = format_labels([person])
    try:
        parsed = parse_labels(text)
    except InvalidLabelFile:
        assert " 0.000000" in text
        return
    assert format_labels(parsed) == text


@given(st.integers(1, 10**6), st.sampled_from([-0.4, -0.1, 0.1, 0.4]), st.booleans())
def test_a_box_at_an_edge_is_written_again_with_the_same_bytes(width: int, beyond: float, right: bool) -> None:
    """Of whatever width, in millionths, and a part of one."""
    side = min((width + beyond) / 1e6, 1.0)
    box = Box(1 - side, 0.25, 1.0, 0.75) if right else Box(0.0, 0.25, side, 0.75)
    text = format_labels([LabelledBox(Label.ADULT_MALE, box)])
    assert format_labels(parse_labels(text)) == text


def test_an_empty_file_means_that_no_person_is_in_the_picture() -> None:
    assert parse_labels("") == parse_labels("\n \n") == ()


def test_the_class_number_is_the_place_among_the_labels() -> None:
    person = LabelledBox(Label.ADULT_FEMALE, Box(0.1, 0.2, 0.5, 0.8))
    assert format_labels([person]) == "3 0.300000 0.500000 0.400000 0.600000\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("4 0.5 0.5 0.1 0.1", "not a class from 0 to 3"),
        ("-1 0.5 0.5 0.1 0.1", "not a class from 0 to 3"),
        ("0.0 0.5 0.5 0.1 0.1", "not a class from 0 to 3"),
        ("0 0.5 0.5 0.1", "four fractions"),
        ("0 0.5 0.5 0.1 0.1 0.9", "four fractions"),
        ("person 0.5 0.5 0.1 0.1", "four fractions"),
        ("0 0.5 0.5 0.1 1.2", "leaves the picture"),
        ("0 nan 0.5 0.1 0.1", "leaves the picture"),
        ("0 0.5 0.5 0 0.1", "without area"),
        ("0 0.5 0.5 0.0000004 0.1", "without area"),
    ],
)
def test_an_invalid_line_is_named(line: str, why: str) -> None:
    with pytest.raises(InvalidLabelFile, match=f"^line 2 .*{why}"):
        parse_labels(f"0 0.5 0.5 0.1 0.1\n{line}\n")
