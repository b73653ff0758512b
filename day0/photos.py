"""The development portraits: their ground truth, and degraded variants as of a poorer camera."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from worker.models.detector import Image

VARIANTS = ("clean", "grey", "small", "dim", "tilted")


@dataclass(frozen=True, slots=True)
class Photo:
    """One row of the data's `manifest.csv`. `elder` is None where the age is unknown."""

    path: Path
    source: str
    person: str  # prevents leakage: one person is never on both sides of a split
    female: bool
    elder: bool | None
    age_group: str
    split: str


def read_photos(data: Path) -> list[Photo]:
    """All photos of the data folder, in the order of its manifest."""
    with (data / "manifest.csv").open(newline="") as file:
        return [
            Photo(
                path=data / row["file"],
                source=row["source"],
                # A member of Congress has one number in both Congress sources.
                person=row["file"].split("_")[-1] if "congress" in row["source"] else row["file"],
                female=row["gender"] == "female",
                elder=None if row["age_group"] == "unknown" else row["age_group"] == "elder",
                age_group=row["age_group"],
                split=row["split"],
            )
            for row in csv.DictReader(file)
        ]


def variants(photo: Photo, seed: int) -> Iterator[Image]:
    """The photo in each of VARIANTS: studio portraits are better than a kiosk's photos, and the fit needs both.

    Most grey photos are of Congress; the grey variant keeps the fit from using that.
    """
    with Pillow.open(photo.path) as file:
        clean = file.convert("RGB")
    random = np.random.default_rng(seed)
    width, height = clean.size
    yield _array(clean)
    yield _array(clean.convert("L").convert("RGB"))
    shrink = random.uniform(0.5, 0.8)
    jpeg = io.BytesIO()
    small = clean.resize((int(width * shrink), int(height * shrink)), Pillow.Resampling.BILINEAR)
    small.save(jpeg, "JPEG", quality=int(random.integers(40, 75)))
    yield _array(Pillow.open(jpeg))
    light = (np.asarray(clean) / 255) ** np.exp(random.uniform(-0.6, 0.6))  # gamma
    light = light * random.uniform(0.8, 1.1, size=3) * random.uniform(0.85, 1.1)  # white balance, exposure
    light = light + random.normal(0, 0.03, light.shape)  # noise
    yield np.asarray(np.clip(light, 0, 1) * 255, dtype=np.uint8)
    tilted = clean.rotate(random.uniform(-12, 12), Pillow.Resampling.BILINEAR)  # degrees
    yield _array(tilted.resize((int(width * 1.4), int(height * 1.4)), Pillow.Resampling.BICUBIC))


def _array(image: Pillow.Image) -> Image:
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))
