"""Subjects of a photo, and the crop of a region that a head sees: a square of the backbone's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image as Pillow

from contracts.boxes import Box, Corners
from recipes.recipe import BOTTOM, FACE, PARTS, PERSON, TOP, WHOLE, Region
from worker.models.backbone import SIDE
from worker.models.chips import Chip, chip
from worker.models.detector import Image
from worker.models.faces import Face, FaceFinder
from worker.models.pose import HIPS, KNEES, SHOULDERS, Body, BodyFinder

EVERYTHING: Final = Box(0.0, 0.0, 1.0, 1.0)
# The points of a body that a part lies between, and those of them that must be seen. A top is known by its upper half:
# where a counter or the photo's edge hides the hips, the chest is enough.
BETWEEN: Final = {TOP: (SHOULDERS, HIPS), BOTTOM: (HIPS, KNEES)}
MUST_SEE: Final = {TOP: SHOULDERS, BOTTOM: (*HIPS, *KNEES)}
SEEN_FROM: Final = 0.5  # the chance that a point is seen
LEAST_SHOWN: Final = {TOP: 0.25, BOTTOM: 0.5}  # of a part, inside the photo
GRID: Final = 24  # places along each side, of which those of a part inside the photo are counted

Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class FoundSubject:
    """A subject: its box, the face where it was found by one, and the body below it."""

    box: Box
    face: Face | None = None
    body: Body | None = None


def faces_of(image: Image, finder: FaceFinder, margins: Corners) -> list[FoundSubject]:
    """The people in a photo: the head is the box, wider than the face by `margins`."""
    return [FoundSubject(face.head(margins, image), face) for face in finder.find(image)]


def people_of(image: Image, finder: FaceFinder, margins: Corners, bodies: BodyFinder) -> list[FoundSubject]:
    """The people in a photo whose face is seen: the box holds the head, and what of the body is seen."""
    found = []
    for face in finder.find(image):
        body = bodies.find(image, face)
        found.append(FoundSubject(_with_body(face.head(margins, image), body, image), face, body))
    return found


def outline(image: Image, subject: FoundSubject, of: str) -> Outline | None:
    """The part `of` a subject's body, pixels of the photo; None if the photo does not show it."""
    body = subject.body
    if body is None or (body.seen[list(MUST_SEE[of])] < SEEN_FROM).any():
        return None
    (left, right), (low_left, low_right) = BETWEEN[of]
    corners = body.points[[left, right, low_right, low_left]]
    height, width = image.shape[:2]
    steps = (np.arange(GRID) + 0.5) / GRID
    across, down = np.meshgrid(steps, steps)
    upper = corners[0] + across[..., None] * (corners[1] - corners[0])
    lower = corners[3] + across[..., None] * (corners[2] - corners[3])
    places = upper + down[..., None] * (lower - upper)
    shown = ((places >= 0) & (places < (width, height))).all(axis=2).mean()
    return tuple((float(x), float(y)) for x, y in corners) if shown >= LEAST_SHOWN[of] else None


def shows(image: Image, subject: FoundSubject, region: Region) -> bool:
    """Whether the photo shows the region of a subject."""
    return region.of not in PARTS or outline(image, subject, region.of) is not None


def whole_of(image: Image) -> list[FoundSubject]:  # noqa: ARG001 - whatever it shows
    """The photo itself as its one subject."""
    return [FoundSubject(EVERYTHING)]


def crop(image: Image, subject: FoundSubject, region: Region, side: int = SIDE) -> Chip:
    """The region of a subject as side × side pixels. A face is turned upright; edges are repeated outside the photo.

    ValueError if the photo does not show the region.
    """
    if region.of == FACE and subject.face is not None:
        return chip(image, subject.face, side, region.margin)
    if region.of == PERSON:
        height, width = image.shape[:2]
        box = subject.box
        return _around(image, (box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height), region.margin, side)
    if region.of in PARTS and (corners := outline(image, subject, region.of)) is not None:
        x, y = zip(*corners, strict=True)
        return _around(image, (min(x), min(y), max(x), max(y)), region.margin, side)
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


def _around(image: Image, corners: Corners, margin: float, side: int) -> Chip:
    """The square around a rectangle, with `margin` of its side added at each side; the photo's edges are repeated."""
    x0, y0, x1, y1 = corners
    length = max(x1 - x0, y1 - y0, 1.0) * (1 + 2 * margin)
    left, top = round((x0 + x1 - length) / 2), round((y0 + y1 - length) / 2)
    height, width = image.shape[:2]
    rows = np.clip(np.arange(top, top + max(1, round(length))), 0, height - 1)
    columns = np.clip(np.arange(left, left + max(1, round(length))), 0, width - 1)
    part = Pillow.fromarray(image[rows[:, None], columns])
    return np.asarray(part.resize((side, side), Pillow.Resampling.BILINEAR, reducing_gap=2.0))


def _with_body(head: Box, body: Body | None, image: Image) -> Box:
    if body is None:
        return head
    height, width = image.shape[:2]
    points = [*SHOULDERS, *HIPS, *KNEES]
    seen = [point for point in points if body.seen[point] >= SEEN_FROM]
    x = np.clip([head.x0, head.x1, *(body.points[seen, 0] / width)], 0, 1)
    y = np.clip([head.y0, head.y1, *(body.points[seen, 1] / height)], 0, 1)
    return Box(float(x.min()), float(y.min()), float(x.max()), float(y.max()))
