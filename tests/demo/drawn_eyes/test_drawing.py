"""Drawn eyes in pixels: each sign shows where it belongs, and nowhere else."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo.drawn_eyes.animal import SIGNS, Sign, Species, drawn_animal
from demo.drawn_eyes.canvas import SIDE, Canvas, Colours
from demo.drawn_eyes.eye import Look, Parts, parts_of
from demo.drawn_eyes.photo import painted, photographed

SEEDS = range(4)
Mask = NDArray[np.bool_]


def parts(species: Species, seed: int, *, pupil: float = 0.6) -> Parts:
    """An eye that looks straight ahead, upright in the middle of its picture."""
    look = replace(Look.drawn(np.random.default_rng(seed)), gaze=(0.0, 0.0), pupil=pupil)
    return parts_of(drawn_animal(species, np.random.default_rng(seed)), look, Canvas.posed(110, 0.5, 0.5, 0.0))


def shown(eye: Parts, sign: Sign, strength: float = 1.0, seed: int = 5) -> Colours:
    return painted(eye, sign, strength, np.random.default_rng(seed))


def brightness(picture: Colours, where: Mask) -> float:
    return float(np.median(picture[where].mean(axis=1)))


def redness(picture: Colours, where: Mask) -> float:
    red, green, blue = picture[where].mean(axis=0)
    return float(red - (green + blue) / 2)


def white_of(eye: Parts) -> Mask:
    return (eye.opening > 0.06) & (eye.iris < -0.08)


def changed(eye: Parts, sign: Sign, seed: int) -> Mask:
    """Pixels that a sign which is drawn over everything changes."""
    difference = np.abs(shown(eye, sign, seed=seed) - shown(eye, Sign.NONE, seed=seed))
    return np.asarray(difference.max(axis=2) > 0.08, dtype=bool)


@pytest.mark.parametrize("species", Species)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_cloudy_eye_is_bright_where_the_pupil_is_black(species: Species, seed: int) -> None:
    """And more so, the plainer the sign."""
    eye = parts(species, seed)
    pupil = (eye.pupil > 0.08) & (eye.opening > 0.05)
    without, faint, plain = (
        brightness(picture, pupil)
        for picture in (shown(eye, Sign.NONE), shown(eye, Sign.CLOUDY, 0.45), shown(eye, Sign.CLOUDY))
    )
    assert without < 0.2
    assert without + 0.1 < faint < plain


@pytest.mark.parametrize("species", Species)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_white_of_a_red_eye_is_red_and_its_pupil_stays_black(species: Species, seed: int) -> None:
    eye = parts(species, seed)
    white, pupil = white_of(eye), (eye.pupil > 0.08) & (eye.opening > 0.05)
    without, faint, plain = (
        redness(picture, white) for picture in (shown(eye, Sign.NONE), shown(eye, Sign.RED, 0.45), shown(eye, Sign.RED))
    )
    assert without + 0.08 < faint < plain
    assert brightness(shown(eye, Sign.RED), pupil) < 0.2


@pytest.mark.parametrize("species", Species)
@pytest.mark.parametrize("seed", SEEDS)
def test_discharge_lies_at_the_lower_lid_and_the_inner_corner(species: Species, seed: int) -> None:
    eye = parts(species, seed)
    where = changed(eye, Sign.DISCHARGE, seed)
    assert 300 < where.sum() < 0.25 * SIDE * SIDE
    assert float((eye.canvas.u[where] * eye.animal.inner).mean()) > 0.2, "on the inner corner's side"
    assert float(eye.canvas.v[where].mean()) > 0, "below the eye's middle"
    assert not where[eye.opening > 0.25].any(), "the middle of the eye is free"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lid_mass_sits_on_the_rim(seed: int) -> None:
    eye = parts(Species.DOG, seed)
    where = changed(eye, Sign.LID_MASS, seed)
    assert 300 < where.sum() < 0.2 * SIDE * SIDE
    assert float(np.abs(eye.opening[where]).min()) < 0.02
    assert float(np.abs(eye.opening[where]).max()) < 0.55


def test_cats_have_no_lid_mass() -> None:
    """Their head is not asked for one."""
    assert Sign.LID_MASS not in SIGNS[Species.CAT]
    with pytest.raises(ValueError, match="cats are drawn, and asked about, without lid masses"):
        shown(parts(Species.CAT, 0), Sign.LID_MASS)


def extent(where: Mask) -> tuple[int, int]:
    rows, columns = np.nonzero(where)
    return int(np.ptp(columns)), int(np.ptp(rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dogs_pupil_is_round_and_a_cats_is_a_slit_in_bright_light(seed: int) -> None:
    wide, tall = extent(parts(Species.DOG, seed, pupil=0.0).pupil > 0)
    assert abs(wide - tall) <= 2
    wide, tall = extent(parts(Species.CAT, seed, pupil=0.0).pupil > 0)
    assert tall > 5 * wide
    wide, tall = extent(parts(Species.CAT, seed, pupil=1.0).pupil > 0)
    assert tall < 1.5 * wide, "and opens in the dark"


def test_an_eye_that_is_turned_and_moved_is_the_same_eye() -> None:
    """A place in units of the eye has its pixel."""
    canvas = Canvas.posed(90, 0.55, 0.48, np.radians(20))
    column, row = (round(each) for each in canvas.pixel(0.3, -0.2))
    assert (canvas.u[row, column], canvas.v[row, column]) == pytest.approx((0.3, -0.2), abs=1 / 90)


def test_a_phones_picture_is_a_jpeg_of_one_size_and_changes_with_its_seed() -> None:
    eye = shown(parts(Species.DOG, 1), Sign.NONE)
    first, again, other = (photographed(eye, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    with Image.open(io.BytesIO(first)) as photo:
        assert (photo.format, photo.size) == ("JPEG", (SIDE, SIDE))
