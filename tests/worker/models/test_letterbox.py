"""A photo into the frame that a YOLO sees, and boxes back out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.models.detector import Image
from worker.models.letterbox import GREY, STRIDE, Placement, frame_for, letterbox


def boxed(image: Image, side: int) -> Image:
    """The square; it begins full of ones, which must not show through."""
    square = np.ones((side, side, 3), dtype=np.uint8)
    letterbox(image, side, square)
    return square


def shades(rows: list[list[int]]) -> Image:
    """A grey picture of these values."""
    return np.repeat(np.array(rows, dtype=np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    ("width", "height", "placement"),
    [
        (1280, 720, Placement(0, 140, 640, 360)),
        (720, 1280, Placement(140, 0, 360, 640)),
        (640, 640, Placement(0, 0, 640, 640)),
        (320, 240, Placement(0, 80, 640, 480)),  # enlarged
        (1000, 333, Placement(0, 213, 640, 213)),  # an odd border: a pixel less at the top
        (1, 1, Placement(0, 0, 640, 640)),
        (12_000, 3, Placement(0, 319, 640, 1)),
        (3, 12_000, Placement(319, 0, 1, 640)),
    ],
)
def test_the_photo_lies_in_the_middle_as_large_as_it_fits(width: int, height: int, placement: Placement) -> None:
    """Both sides shrink alike; no side vanishes."""
    assert Placement.of(blank(width, height), 640, (640, 640)) == placement


@pytest.mark.parametrize(
    ("width", "height", "frame", "of_validation"),
    [
        (1280, 720, (384, 640), (384, 672)),
        (720, 1280, (640, 384), (672, 384)),
        (640, 480, (480, 640), (512, 672)),
        (500, 500, (640, 640), (672, 672)),
        (12_000, 3, (32, 640), (32, 672)),
    ],
)
def test_a_frame_is_as_small_as_the_grid_allows(
    width: int, height: int, frame: tuple[int, int], of_validation: tuple[int, int]
) -> None:
    """And that of `yolo val` half a stride larger, rounded up."""
    assert frame_for(blank(width, height), 640) == frame
    assert frame_for(blank(width, height), 640, slack=0.5) == of_validation


def blank(width: int, height: int) -> Image:
    """A picture of that size that takes no memory."""
    return np.broadcast_to(np.uint8(0), (height, width, 3))


def test_half_the_size_is_the_mean_of_four() -> None:
    """Each pixel of the square lies between four of the photo; above and below is grey."""
    image = shades([[0, 8, 100, 100, 40, 40, 2, 4], [4, 4, 100, 100, 60, 60, 6, 8]])
    assert boxed(image, 4)[:, :, 0].tolist() == [[GREY] * 4, [4, 100, 50, 5], [GREY] * 4, [GREY] * 4]


def test_twice_the_size_goes_between_the_neighbours() -> None:
    """A quarter and three quarters of each, and the edge repeats itself."""
    assert boxed(shades([[0, 100], [0, 100]]), 4)[:, :, 0].tolist() == [[0, 25, 75, 100]] * 4


def test_a_third_of_the_size_is_every_third_pixel() -> None:
    """What lies between is not looked at, as in training."""
    row = [9, 10, 9, 9, 20, 9, 9, 30, 9]
    assert boxed(shades([row] * 9), 3)[:, :, 1].tolist() == [[10, 20, 30]] * 3


def test_a_photo_of_the_right_size_is_copied() -> None:
    """Not one value changes, and red stays red."""
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(boxed(image, 32), image)


sizes = st.integers(1, 5000)
fractions = st.tuples(*[st.floats(0, 1)] * 4).map(lambda four: np.array([four], dtype=np.float64))


@given(sizes, sizes, fractions)
def test_a_box_survives_the_way_there_and_back(width: int, height: int, box: np.ndarray) -> None:
    """Fractions → pixels of the frame → fractions; and on the way it lies in the frame."""
    frame = frame_for(blank(width, height), 640)
    at = Placement.of(blank(width, height), 640, frame)
    there = box * ([at.width, at.height] * 2) + [at.left, at.top] * 2
    assert np.all((there >= 0) & (there <= [frame[1], frame[0]] * 2))
    assert at.to_photo(there) == pytest.approx(box, abs=1e-9)


@given(sizes, sizes)
def test_a_frame_is_of_whole_strides_and_holds_the_photo(width: int, height: int) -> None:
    frame = frame_for(blank(width, height), 640)
    at = Placement.of(blank(width, height), 640, frame)
    for length, inner, before in ((frame[0], at.height, at.top), (frame[1], at.width, at.left)):
        assert length % STRIDE == 0
        assert 0 <= before <= (length - inner + 1) // 2 <= STRIDE // 2


@given(sizes, sizes, st.tuples(*[st.floats(-1e6, 1e6)] * 4))
def test_what_is_clipped_lies_in_the_photo(width: int, height: int, box: tuple[float, ...]) -> None:
    """Also what lies wholly in the grey."""
    at = Placement.of(blank(width, height), 640, frame_for(blank(width, height), 640))
    inside = at.to_photo(at.clipped(np.array([box])))
    assert np.all((inside >= -1e-9) & (inside <= 1 + 1e-9))
