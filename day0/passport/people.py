"""The portraits that are spoiled: grown-ups of some splits whose photo is good to begin with.

Portraits of parliaments, and those of FairFace's wide photos that are lit and sharp enough. FairFace's people turn
their heads, and are the only ones who do: nobody can turn a head in a photo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import degrees
from typing import Final

import numpy as np

from day0.finder import HEAD_MARGINS, face_finder
from day0.mask.head import Head
from day0.mask.people import ADULT
from day0.passport.framing import Placed
from day0.photos import CROPS, Photo
from day0.portrait_dataset import LeftOut
from worker.models.chips import CANONICAL, chip
from worker.models.detector import Image
from worker.models.faces import Face
from worker.models.regions import faces_of

MOST_MEN: Final = 2.0  # men for each woman; the others would teach more of the same
EYES: Final = float(CANONICAL[1, 0] - CANONICAL[0, 0])  # their distance, in widths of the face
CHIP: Final = 64  # pixels of the face that light and sharpness are measured on
LIGHT: Final = (70.0, 205.0)  # the mean of the face, 0-255
MOST_UNEVEN: Final = 0.7  # stops between the halves of the face
LEAST_SHARP: Final = 6.0  # mean difference of neighbouring pixels of the chip, as its light were 128
CUT_OFF: Final = "head cut off"
DIM = "face too dark or too bright to begin with"
SIDE = "light from one side to begin with"
SOFT = "face not sharp to begin with"


@dataclass(frozen=True, slots=True)
class Sitter:
    """A person's portrait, the head in it, and how it is turned: `turn` in radians, `roll` in degrees."""

    photo: Photo
    placed: Placed
    turn: float
    roll: float
    eyes_px: float

    @property
    def gender(self) -> str:
        return "female" if self.photo.female else "male"

    @property
    def facts(self) -> dict[str, str]:
        """What figures are compared by, and no head asks."""
        age = "elder" if self.photo.elder else "unknown" if self.photo.age_low is None else "adult"
        return {"age": age, "source": "everyday" if self.photo.source == "fairface" else "studio"}


def sitters(
    photos: Sequence[Photo], splits: Collection[str], count: int, seed: int, left_out: LeftOut
) -> Iterator[Sitter]:
    """At most `count` people of the splits, in an order drawn by the seed; of men at most MOST_MEN for each woman."""
    grown = [
        photo
        for photo in photos
        if photo.split in splits
        and photo.source != CROPS
        and photo.age_group in ("adult", "elder", "unknown")
        and (photo.age_low is None or photo.age_low >= ADULT)
    ]
    drawn = sorted(grown, key=lambda photo: hashlib.sha256(f"{seed} {photo.person}".encode()).digest())
    once = list({photo.person: photo for photo in drawn}.values())  # some have a portrait of two Congresses
    women = [photo for photo in once if photo.female]
    men = [photo for photo in once if not photo.female][: round(MOST_MEN * len(women))]
    chosen = {photo.person for photo in (*women, *men)}
    for photo in [each for each in once if each.person in chosen]:
        found = _found(photo)
        if isinstance(found, Sitter):
            yield found
            count -= 1
            if not count:
                return
        else:
            left_out.reasons[found] += 1


def _found(photo: Photo) -> Sitter | str:
    """The person of a photo, or why it can't be used."""
    image = photo.read()
    subjects = faces_of(image, face_finder(), HEAD_MARGINS)
    if len(subjects) != 1 or (face := subjects[0].face) is None:
        return "several faces found" if subjects else "no face found"
    height, width = image.shape[:2]
    box = subjects[0].box
    if box.x0 <= 0 or box.y0 <= 0 or box.x1 >= 1 or box.y1 >= 1:
        return CUT_OFF
    if (fault := _fault(image, face)) is not None:
        return fault
    head = Head.of(face)
    placed = Placed(image, box.x0 * width, box.y0 * height, (box.x1 - box.x0) * width, (box.y1 - box.y0) * height)
    roll = degrees(float(np.arctan2(head.right[1], head.right[0])))
    return Sitter(photo, placed, head.turn, roll, EYES * head.wide)


def _fault(image: Image, face: Face) -> str | None:
    """Why the photo is not good to begin with."""
    grey = chip(image, face, CHIP, 0.0).astype(np.float32).mean(axis=2)
    light = float(grey.mean())
    if not LIGHT[0] <= light <= LIGHT[1]:
        return DIM
    left, right = float(grey[:, : CHIP // 2].mean()), float(grey[:, CHIP // 2 :].mean())
    if abs(np.log2(max(left, 1.0) / max(right, 1.0))) > MOST_UNEVEN:
        return SIDE
    edges = float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2
    return SOFT if edges * 128 / light < LEAST_SHARP else None
