"""Which squares of a photo the face finder looks at, and when two faces are one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box
from worker.models.faces import DetectionPass, Face, Square, merged, squares_of

POINTS = ((0.0, 0.0),) * 4
sides = st.integers(16, 4000)


def face(x0: float, y0: float, x1: float, y1: float, score: float = 0.9) -> Face:
    return Face((x0, y0, x1, y1), POINTS, score)


def test_the_whole_photo_is_one_square_around_its_middle() -> None:
    assert squares_of(DetectionPass(0, 0.0), 1280, 720) == [Square(0, -280, 1280)]
    assert squares_of(DetectionPass(0, 0.5), 100, 100) == [Square(-50, -50, 200)]


def test_a_frame_has_three_squares_of_its_short_side() -> None:
    assert squares_of(DetectionPass(1, 0.0), 1280, 720) == [Square(left, 0, 720) for left in (0, 280, 560)]


@given(width=sides, height=sides, divisor=st.integers(1, 2))
def test_squares_cover_the_photo_and_neighbours_overlap_by_a_third(width: int, height: int, divisor: int) -> None:
    squares = squares_of(DetectionPass(divisor, 0.0), width, height)
    assert len(squares) <= 72
    if not squares:
        assert max(width, height) > 6 * min(width, height)
        return
    side = squares[0].side
    for starts, length in (({square.left for square in squares}, width), ({square.top for square in squares}, height)):
        ordered = sorted(starts)
        assert ordered[0] <= 0
        assert ordered[-1] + side >= length - 1e-6
        assert np.all(np.diff(ordered) <= side * 2 / 3 + 1e-6)


def test_a_face_that_an_inner_edge_cuts_is_left_to_the_neighbour() -> None:
    """At the photo's own edge there is no neighbour: a face cut there counts."""
    square = Square(280, 0, 720)
    assert square.cuts((270, 100, 400, 250), 1280, 720)
    assert square.cuts((900, 100, 1010, 250), 1280, 720)
    assert not square.cuts((400, -20, 500, 100), 1280, 720)
    assert not Square(0, 0, 720).cuts((-30, 100, 80, 250), 1280, 720)


def test_of_overlapping_faces_the_surest_stays() -> None:
    sure, again, part, other = (
        face(0, 0, 100, 100),
        face(10, 10, 110, 110, 0.8),
        face(30, 30, 60, 60, 0.7),
        face(200, 0, 300, 100, 0.6),
    )
    assert merged([other, part, again, sure]) == [sure, other]


def test_two_heads_side_by_side_stay_two() -> None:
    first, second = face(0, 0, 100, 100), face(80, 0, 180, 100, 0.8)
    assert merged([first, second]) == [first, second]


def test_the_head_is_wider_than_the_face_and_clipped_to_the_photo() -> None:
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    margins = (0.25, 0.5, 0.25, 0.1)
    assert face(80, 40, 120, 80).head(margins, image) == Box(0.35, 0.2, 0.65, 0.84)
    assert face(-20, -10, 60, 70).head(margins, image).corners == pytest.approx((0.0, 0.0, 0.4, 0.78))


def test_a_face_without_size_or_with_a_landmark_far_outside_is_no_face() -> None:
    """Of a network that fails: its chip would be a pixel, or as large as memory."""
    places = ((30.0, 30.0), (60.0, 30.0), (45.0, 50.0), (45.0, 70.0))
    assert Face((20, 20, 70, 80), places, 0.9).plausible
    assert not Face((20, 20, 22, 80), places, 0.9).plausible
    assert not Face((20, 20, 70, 80), (*places[:3], (45.0, 900.0)), 0.9).plausible
