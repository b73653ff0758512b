"""Label files: what is written is read back, and a line that is none is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box
from contracts.errors import InvalidLabelFile
from contracts.labels import LABELS, Label
from contracts.yolo import format_labels, parse_labels


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2, unique=True)))
    return Box(x0 / 1e5, y0 / 1e5, x1 / 1e5, y1 / 1e5)


@given(st.lists(st.tuples(st.sampled_from(LABELS), boxes())))
def test_people_survive_their_label_file(people: list[tuple[Label, Box]]) -> None:
    read = parse_labels(format_labels(people))
    assert [label for label, _ in read] == [label for label, _ in people]
    for (_, box), (_, written) in zip(read, people, strict=True):
        assert [box.x0, box.y0, box.x1, box.y1] == pytest.approx(
            [written.x0, written.y0, written.x1, written.y1], abs=2e-6
        )


def test_an_empty_file_means_that_nobody_is_there() -> None:
    assert parse_labels("") == parse_labels("\n \n") == []


def test_the_class_number_is_the_place_among_the_labels() -> None:
    assert format_labels([(Label.ADULT_FEMALE, Box(0.1, 0.2, 0.5, 0.8))]) == "3 0.300000 0.500000 0.400000 0.600000\n"


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
    ],
)
def test_a_line_that_is_none_is_named(line: str, why: str) -> None:
    with pytest.raises(InvalidLabelFile, match=f"^line 2 .*{why}"):
        parse_labels(f"0 0.5 0.5 0.1 0.1\n{line}\n")
