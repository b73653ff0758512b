"""The colour of a region: what light, noise and a camera's compression may do to it, and what is left out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from recipes.colours import PALETTES, Palette
from worker.models.colour import BASIC13, LEAST_PIXELS, colour_of, inside, lab_of, named
from worker.models.detector import Image
from worker.models.faces import Face

CENTRES = [(name, rgb) for name, every in BASIC13.items() for rgb in every]
SQUARE = ((0.0, 0.0), (80.0, 0.0), (80.0, 80.0), (0.0, 80.0))
FACE = Face((100.0, 10.0, 160.0, 70.0), ((115, 30), (145, 30), (130, 42), (130, 56)), 0.9)
SKIN = (214, 160, 132)


def plain(rgb: tuple[int, int, int], side: int = 80) -> Image:
    return np.full((side, side, 3), rgb, np.uint8)


def test_the_palette_has_thirteen_names_and_each_has_a_centre() -> None:
    assert tuple(BASIC13) == PALETTES[Palette.BASIC13]
    assert len(BASIC13) == 13


@pytest.mark.parametrize(("name", "rgb"), CENTRES)
def test_a_plain_colour_of_each_centre_has_its_name(name: str, rgb: tuple[int, int, int]) -> None:
    shares = colour_of(plain(rgb), SQUARE, None, Palette.BASIC13)
    assert shares is not None
    assert (shares.name, shares.share) == (name, 1.0)


@given(st.sampled_from(CENTRES), st.floats(0.93, 1.07), st.integers(0, 2**32 - 1), st.integers(50, 95))
def test_a_little_light_noise_and_compression_change_no_name(
    centre: tuple[str, tuple[int, int, int]], light: float, seed: int, quality: int
) -> None:
    """At the border of two names they may: these are the middles."""
    name, rgb = centre
    noise = np.random.default_rng(seed).normal(0, 6, (80, 80, 3))
    written = io.BytesIO()
    taken = (plain(rgb) * light + noise).clip(0, 255).astype(np.uint8)
    Pillow.fromarray(taken).save(written, "JPEG", quality=quality)
    shares = colour_of(np.asarray(Pillow.open(written).convert("RGB")), SQUARE, None, Palette.BASIC13)
    assert shares is not None
    assert (shares.name, shares.share > 0.6) == (name, True)


def test_the_share_is_that_of_the_pixels() -> None:
    picture = plain(BASIC13["red"][0])
    picture[:20] = BASIC13["white"][0]
    shares = colour_of(picture, SQUARE, None, Palette.BASIC13)
    assert shares is not None
    assert (shares.name, shares.share) == ("red", pytest.approx(0.75, abs=0.03))


def with_face(cloth: tuple[int, int, int], bare_rows: int) -> Image:
    """Cloth with skin above it, and the face beside it."""
    picture = np.full((90, 180, 3), (90, 130, 150), np.uint8)
    picture[:80, :80] = cloth
    picture[:bare_rows, :80] = SKIN
    picture[10:70, 100:160] = SKIN
    return picture


def test_skin_of_the_colour_of_the_face_does_not_count() -> None:
    """A deep neckline is not the garment's colour."""
    shares = colour_of(with_face(BASIC13["green"][0], 30), SQUARE, FACE, Palette.BASIC13)
    assert shares is not None
    assert (shares.name, shares.share > 0.9) == ("green", True)


def test_a_garment_in_the_colour_of_skin_has_a_colour() -> None:
    """Where nearly everything is skin, it is a garment."""
    picture = with_face(SKIN, 0)
    with_the_face = colour_of(picture, SQUARE, FACE, Palette.BASIC13)
    assert with_the_face == colour_of(picture, SQUARE, None, Palette.BASIC13)
    assert with_the_face is not None


@pytest.mark.parametrize(
    "outline",
    [
        ((0.0, 0.0), (19.0, 0.0), (19.0, 19.0), (0.0, 19.0)),  # fewer than LEAST_PIXELS
        ((90.0, 90.0), (170.0, 90.0), (170.0, 170.0), (90.0, 170.0)),  # beside the photo
        ((0.0, 0.0), (80.0, 80.0), (80.0, 80.0), (0.0, 0.0)),  # no area
        ((-500.0, -500.0), (5.0, -500.0), (5.0, 5.0), (-500.0, 5.0)),  # hardly inside
    ],
)
def test_too_few_pixels_have_no_colour(outline: tuple[tuple[float, float], ...]) -> None:
    assert LEAST_PIXELS > 19 * 19
    assert colour_of(plain((200, 0, 0)), outline, None, Palette.BASIC13) is None


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), min_size=3, max_size=6),
)
def test_any_outline_on_any_photo_has_a_colour_or_none(
    height: int, width: int, outline: list[tuple[float, float]]
) -> None:
    shares = colour_of(np.full((height, width, 3), 250, np.uint8), outline, None, Palette.BASIC13)
    assert shares is None or (shares.name, shares.share) == ("white", 1.0)


def test_only_what_is_inside_the_outline_counts() -> None:
    """A triangle on red, beside it blue."""
    picture = plain(BASIC13["blue"][0])
    picture[np.tril(np.ones((80, 80), bool))] = BASIC13["red"][0]
    pixels = inside(picture, ((0.0, 0.0), (80.0, 80.0), (0.0, 80.0)))
    assert pixels is not None
    assert named(pixels, Palette.BASIC13).share > 0.95
    assert named(pixels, Palette.BASIC13).name == "red"


def test_lab_is_that_of_the_standard() -> None:
    """White, black, and the red of sRGB."""
    assert lab_of(np.array([(255, 255, 255), (0, 0, 0), (255, 0, 0)], np.uint8)) == pytest.approx(
        np.array([(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20)]), abs=0.02
    )


def test_no_pixel_has_no_name() -> None:
    with pytest.raises(ValueError, match="no pixel"):
        named(np.empty((0, 3), np.uint8), Palette.BASIC13)
