"""Poorer photos of a sample portrait: drawn from a seed, and still a photo of that person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from day0.conditions import AS_IT_IS, CONDITIONS, MASK, SHOP, masked
from day0.evidence import central
from day0.finder import face_finder
from day0.scenes import FRAME
from worker.models.detector import Image
from worker.models.faces import Face

SAMPLE = Path(__file__).parents[2] / "samples" / "usg_G000569.jpg"


@pytest.fixture(scope="module")
def portrait() -> tuple[Image, Face]:
    with Pillow.open(SAMPLE) as file:
        image = np.ascontiguousarray(np.asarray(file.convert("RGB")))
    face = central(face_finder().find(image), image)
    assert face is not None
    return image, face


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_same_seed_draws_the_same_photo(portrait: tuple[Image, Face], name: str) -> None:
    first, second = (CONDITIONS[name](*portrait, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(first, portrait[0]) == (name == AS_IT_IS)


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_person_is_found_in_every_condition(portrait: tuple[Image, Face], name: str, seed: int) -> None:
    assert len(face_finder().find(CONDITIONS[name](*portrait, np.random.default_rng(seed)))) == 1


def test_a_photo_in_a_shop_is_a_kiosks_frame(portrait: tuple[Image, Face]) -> None:
    assert CONDITIONS[SHOP](*portrait, np.random.default_rng(1)).shape == (FRAME[1], FRAME[0], 3)


def test_a_mask_covers_the_mouth_and_leaves_the_eyes(portrait: tuple[Image, Face]) -> None:
    image, face = portrait
    changed = np.abs(masked(image, face, np.random.default_rng(1)).astype(int) - image).max(axis=2)
    right_eye, left_eye, _, mouth = ((round(x), round(y)) for x, y in face.landmarks)
    assert changed[mouth[1], mouth[0]] > 20
    assert max(changed[y, x] for x, y in (right_eye, left_eye)) <= 2
    assert MASK in CONDITIONS
