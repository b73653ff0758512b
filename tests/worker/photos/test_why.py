"""The picture that shows why: bright where the places say most, small enough, in the order of the subjects."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipes.reading import load
from recipes.recipe import Region
from tests.shapes_recipe import COLOURS, SHAPES, drawn_at
from tests.shapes_recipe import draw as draw_shape
from worker.kinds import kinds_for
from worker.models.backbone import SIDE, STRIDE
from worker.models.evidence import Evidence
from worker.models.loading import load_model
from worker.models.regions import EVERYTHING, FoundSubject, crop
from worker.photos.why import MOST_SUBJECTS, PAPER, brightness, draw

LIGHT = np.full((224, 224, 3), 220, np.uint8)
MOST_BYTES = 150_000


def evidence(row: int, column: int) -> Evidence:
    places = np.zeros((7, 7), np.float32)
    places[row, column] = 3
    return Evidence(FoundSubject(EVERYTHING), Region(), places)


def opened(png: bytes) -> np.ndarray:
    assert png.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_the_picture_is_brightest_at_the_place_that_says_most() -> None:
    for row, column in ((0, 0), (2, 5), (6, 3)):
        picture = opened(draw(LIGHT, [evidence(row, column)])).sum(axis=2)
        side = picture.shape[0]
        y, x = np.argwhere(picture >= picture.max() - 6).mean(axis=0)
        assert abs(y / side * 7 - row - 0.5) < 0.5
        assert abs(x / side * 7 - column - 0.5) < 0.5
        assert np.median(picture) < 0.9 * picture.max()


def test_what_the_photo_shows_is_still_seen_where_it_is_dim() -> None:
    striped = LIGHT.copy()
    striped[:, 100:110] = 30
    picture = opened(draw(striped, [evidence(3, 0)]))
    assert picture[10, 150].sum() < picture[10, 10].sum() - 90


def test_places_that_all_say_the_same_give_no_bright_place() -> None:
    assert not brightness(np.full((7, 7), 4, np.float32), 64).any()


def test_brightness_is_smooth_and_reaches_from_none_to_all() -> None:
    heat = brightness(evidence(3, 3).places, 224)
    assert (heat.min(), heat.max()) == (0, 1)
    assert max(np.abs(np.diff(heat, axis=axis)).max() for axis in (0, 1)) < 0.1


def test_subjects_stand_side_by_side_and_one_that_was_not_asked_has_an_empty_square() -> None:
    picture = opened(draw(LIGHT, [evidence(0, 0), None, evidence(6, 6)]))
    height, width, _ = picture.shape
    first, second, third = (picture[:, at * (height + 8) : at * (height + 8) + height] for at in range(3))
    assert width == 3 * height + 16
    assert np.abs(second - np.array(PAPER)).max() <= 8
    assert first[: height // 7, : height // 7].sum() > first[-height // 7 :, -height // 7 :].sum()
    assert third[: height // 7, : height // 7].sum() < third[-height // 7 :, -height // 7 :].sum()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 20])
def test_a_picture_of_whatever_is_small(count: int) -> None:
    """Noise is the worst: it can't be compressed."""
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    png = draw(noise, [evidence(number % 7, 3) for number in range(count)])
    assert len(png) < MOST_BYTES
    height, width, _ = opened(png).shape
    assert round(width / height) == min(count, MOST_SUBJECTS)


def test_a_trained_models_bright_place_lies_on_what_was_drawn(shapes_recipe: Path) -> None:
    """Wherever it was drawn: within one of the 7 × 7 places, and brighter there than beside it."""
    recipe = load(str(shapes_recipe))
    model = load_model(shapes_recipe / "model" / "manifest.json", kinds_for(recipe))
    chance, tops = random.Random(7), set[tuple[int, int]]()
    for number in range(12):
        colour = list(COLOURS)[number % 2]
        photo = np.asarray(draw_shape(SHAPES[number % 3], colour, 20, chance))
        [[seen]] = model.detect([photo])
        [found] = seen.evidence.values()
        shape = drawn_at(crop(photo, found.subject, found.region), colour)
        heat = brightness(found.places, SIDE)
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        assert np.hypot(*(np.argwhere(shape) - (y, x)).T).min() <= STRIDE
        assert heat[shape].mean() > 3 * heat[~shape].mean()
        tops.add((int(y) // STRIDE, int(x) // STRIDE))
    assert len(tops) >= 5  # it moves with the shape


def test_the_same_photo_gives_the_same_picture() -> None:
    assert draw(LIGHT, [evidence(1, 1)]) == draw(LIGHT.copy(), [evidence(1, 1)])
