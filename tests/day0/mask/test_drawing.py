"""A drawn mask covers what its kind says, and nothing else of the face."""

from __future__ import annotations

import numpy as np
import pytest

from day0.mask.around import with_something
from day0.mask.drawing import MOST_PIXELS, masked
from day0.mask.head import Head
from day0.mask.light import blurred
from day0.mask.outline import Kind, Make, drawn_outline
from worker.models.detector import Image
from worker.models.faces import Face

Portrait = tuple[Image, Face]
MASKS = tuple(kind for kind in Kind if kind is not Kind.NONE)
COVERED = {Kind.WORN: {"nose", "mouth"}, Kind.NOSE_OUT: {"mouth"}, Kind.CHIN: set[str](), Kind.NONE: set[str]()}
NAMES = ("right eye", "left eye", "nose", "mouth")


def touched(first: Image, second: Image, face: Face) -> set[str]:
    """The landmarks around which pixels changed, by more than a shadow's edge."""
    changed = np.abs(first.astype(int) - second).max(axis=2)
    near = max(1, round((face.corners[2] - face.corners[0]) / 40))
    return {
        name
        for name, (x, y) in zip(NAMES, face.landmarks, strict=True)
        if changed[round(y) - near : round(y) + near + 1, round(x) - near : round(x) + near + 1].mean() > 6
    }


def turned(turn: float, nose: float = 0.3) -> Face:
    """A face of 100 pixels as the landmarks of a head turned by `turn` radians place it."""
    eyes = [0.52 * np.sin(turn + side * np.pi / 6) for side in (-1, 1)]
    places = [(eyes[0], 0.0), (eyes[1], 0.0), (0.68 * np.sin(turn), nose), (0.53 * np.sin(turn), 0.6)]
    x, y = zip(*((100 + 100 * across, 80 + 100 * down) for across, down in places), strict=True)
    return Face((50.0, 50.0, 150.0, 150.0), tuple(zip(x, y, strict=True)), 0.9)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("make", Make)
def test_a_mask_covers_what_its_kind_says(portrait: Portrait, kind: Kind, make: Make) -> None:
    image, face = portrait
    for seed in range(3):
        drawn = masked(image, face, kind, np.random.default_rng(seed), make)
        assert touched(image, drawn, face) == COVERED[kind]


@pytest.mark.parametrize("turn", [-0.95, -0.5, 0.0, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("nose", [0.2, 0.3, 0.4])
@pytest.mark.parametrize("kind", MASKS)
def test_of_a_turned_head_the_same_places_are_covered(kind: Kind, turn: float, nose: float) -> None:
    face = turned(turn, nose)
    head = Head.of(face)
    for seed, make in enumerate(Make):
        inside = drawn_outline(kind, make, head, np.random.default_rng(seed)).inside(head.surface(220, 220), head)
        covered = {name for name, (x, y) in zip(NAMES, face.landmarks, strict=True) if inside[round(y), round(x)] > 0}
        assert covered == COVERED[kind]


@pytest.mark.parametrize("turn", [-0.9, -0.3, 0.0, 0.5])
def test_landmarks_tell_how_far_a_head_is_turned(turn: float) -> None:
    """To three degrees: the mouth moves a little with the turn, and counts as roll."""
    head = Head.of(turned(turn))
    assert head.turn == pytest.approx(turn, abs=0.053)
    assert (head.wide, head.tall) == pytest.approx((100, 100), abs=6)


def test_a_tilted_head_wears_a_tilted_mask() -> None:
    """The outline of the turned photo is the turned outline."""
    upright = turned(0.3)
    x, y = zip(*upright.landmarks, strict=True)
    quarter = Face(upright.corners, tuple((219 - b, a) for a, b in zip(x, y, strict=True)), 0.9)
    outline = drawn_outline(Kind.WORN, Make.CLOTH, Head.of(upright), np.random.default_rng(1))
    first, second = (outline.inside(head.surface(219, 219), head) > 0 for head in (Head.of(upright), Head.of(quarter)))
    assert (np.rot90(first, -1) == second).mean() > 0.995


def test_a_place_on_the_head_is_where_the_surface_says() -> None:
    head = Head.of(turned(0.4))
    surface = head.surface(220, 220)
    for angle, down in ((0.0, 0.3), (0.5, 0.6), (-0.8, 0.8)):
        x, y = head.place(angle, down)
        assert surface.angle[int(y), int(x)] == pytest.approx(angle, abs=0.05)
        assert surface.down[int(y), int(x)] == pytest.approx(down, abs=0.02)


@pytest.mark.parametrize("kind", MASKS)
def test_the_same_seed_draws_the_same_mask_and_another_seed_another(portrait: Portrait, kind: Kind) -> None:
    first, again, other = (masked(*portrait, kind, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_a_mask_the_photo_is_unchanged_and_never_the_same_memory(portrait: Portrait) -> None:
    image, face = portrait
    drawn = masked(image, face, Kind.NONE, np.random.default_rng(1))
    assert np.array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


def test_a_grey_photo_stays_grey(portrait: Portrait) -> None:
    image, face = portrait
    grey = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    drawn = masked(grey, face, Kind.WORN, np.random.default_rng(3), Make.CLOTH).astype(int)
    noise = 12  # each channel has its own
    assert np.abs(blurred(drawn.astype(np.float32) - drawn.mean(axis=2, keepdims=True), 3.0)).max() < noise


@pytest.mark.parametrize("seed", range(6))
def test_things_around_a_face_change_no_pixel_of_it(portrait: Portrait, seed: int) -> None:
    image, face = portrait
    drawn = with_something(image, face, np.random.default_rng(seed))
    surface = Head.of(face).surface(*image.shape[:2])
    of_the_face = (surface.rim > 0) & (surface.down > -0.3) & (surface.down < 0.9)
    assert np.array_equal(drawn[of_the_face], image[of_the_face])
    assert not np.array_equal(drawn, image)


def test_a_photo_that_would_fill_the_memory_is_refused() -> None:
    image = np.zeros((1000, MOST_PIXELS // 1000 + 1, 3), np.uint8)
    with pytest.raises(ValueError, match="4001 x 1000 pixels is too large"):
        masked(image, turned(0), Kind.WORN, np.random.default_rng(1))
