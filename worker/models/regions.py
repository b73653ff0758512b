"""Subjects of a photo, and the crop of a region that a head sees: a square of the backbone's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image as Pillow

from contracts.boxes import Box, Corners
from recipes.recipe import FACE, WHOLE, Region
from worker.models.backbone import SIDE
from worker.models.chips import Chip, chip
from worker.models.detector import Image
from worker.models.faces import Face, FaceFinder

EVERYTHING: Final = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class FoundSubject:
    """A subject: its box, and the face where it was found by one."""

    box: Box
    face: Face | None = None


def faces_of(image: Image, finder: FaceFinder, margins: Corners) -> list[FoundSubject]:
    """The people in a photo: the head is the box, wider than the face by `margins`."""
    return [FoundSubject(face.head(margins, image), face) for face in finder.find(image)]


def whole_of(image: Image) -> list[FoundSubject]:  # noqa: ARG001 - whatever it shows
    """The photo itself as its one subject."""
    return [FoundSubject(EVERYTHING)]


def crop(image: Image, subject: FoundSubject, region: Region, side: int = SIDE) -> Chip:
    """The region of a subject as side × side pixels. A face is turned upright; edges are repeated outside the photo."""
    if region.of == FACE and subject.face is not None:
        return chip(image, subject.face, side, region.margin)
    if region.of != WHOLE:
        raise ValueError(f"the subject has no {region.of!r}")
    return _square(image, region.margin, side)


def _square(image: Image, margin: float, side: int) -> Chip:
    """The whole photo in a square; its edges are repeated beside the shorter sides, and by `margin` all around."""
    height, width = image.shape[:2]
    scale = side / (max(height, width) * (1 + 2 * margin))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BILINEAR, reducing_gap=2.0))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    beside = (top, side - size[1] - top), (left, side - size[0] - left), (0, 0)
    return np.pad(small, beside, mode="edge")
