"""A face is turned upright, whatever its place, size and angle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from worker.models.chips import CANONICAL, chip, similarity
from worker.models.faces import Face

shifts = st.floats(-500, 500)


@given(turn=st.floats(-math.pi, math.pi), scale=st.floats(0.1, 50), x=shifts, y=shifts)
def test_a_similarity_is_recovered_from_its_points(turn: float, scale: float, x: float, y: float) -> None:
    a, b = scale * math.cos(turn), scale * math.sin(turn)
    target = CANONICAL @ np.array([(a, b), (-b, a)]) + (x, y)
    (found_a, found_b), shift = similarity(CANONICAL, target)
    assert (found_a, found_b, *shift) == pytest.approx((a, b, x, y), abs=1e-6 * max(1, scale))


def marked(side: int) -> tuple[np.ndarray, Face]:
    """A picture with a white dot on each landmark of a face, and the face."""
    image = np.zeros((side, side, 3), dtype=np.uint8)
    points = [(side * (0.25 + u / 2), side * (0.25 + v / 2)) for u, v in CANONICAL]
    for x, y in points:
        image[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = 255
    return image, Face((0, 0, side, side), tuple(points), 0.9)


def spots(pixels: np.ndarray) -> list[int]:
    """How bright the places of the landmarks are, in a chip without padding."""
    side = pixels.shape[0]
    return [int(pixels[round(v * side), round(u * side)].max()) for u, v in CANONICAL]


def test_landmarks_come_to_their_places() -> None:
    image, face = marked(256)
    assert min(spots(chip(image, face, 128, 0.0))) > 200


@pytest.mark.parametrize("degrees", [-30, 90, 180])
def test_a_turned_face_gives_the_same_chip(degrees: int) -> None:
    image, face = marked(256)
    turned = np.asarray(Pillow.fromarray(image).rotate(degrees, Pillow.Resampling.BILINEAR))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    points = tuple(
        (128 + cos * (x - 128) + sin * (y - 128), 128 - sin * (x - 128) + cos * (y - 128)) for x, y in face.landmarks
    )
    assert min(spots(chip(turned, Face(face.corners, points, 0.9), 128, 0.0))) > 150


def test_outside_the_photo_its_edge_is_repeated() -> None:
    """A black border would be a feature of faces at the edge of a photo."""
    image = np.full((64, 64, 3), 77, dtype=np.uint8)
    at_the_corner = Face((40, 40, 80, 80), tuple((40 + 40 * u, 40 + 40 * v) for u, v in CANONICAL), 0.9)
    assert np.all(chip(image, at_the_corner, 32, 0.35) == 77)
    outside = Face((400, 400, 440, 440), tuple((400 + 40 * u, 400 + 40 * v) for u, v in CANONICAL), 0.9)
    assert np.all(chip(image, outside, 32, 0.35) == 77)
