"""The people of the scenes: faces with their true label and the box of the head, in the splits of their data set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from contracts.boxes import Box, Corners
from day0.evidence import central
from day0.finder import HEAD_MARGINS, face_finder
from day0.photos import Photo
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.teaching import ELDER_SHARE
from worker.models.faces import Face

FAINT: Final = 0.2  # score of a face in a crop that is known to show one
MOST_TIMES: Final = 2
SMALL: Final = 0.3  # of the photo's width; a narrower head is not the person whom the photo shows


@dataclass(frozen=True, slots=True)
class Sitter:
    """A photo of one person of a known age.

    `whole` is the box of the head in fractions of the photo; it reaches outside where a tight crop cuts the head off.
    """

    photo: Photo
    label: Label
    whole: Corners
    size: tuple[int, int]  # width and height of the photo, pixels
    skin: tuple[int, int, int]  # the median colour of the lower half of the head

    @property
    def head(self) -> Box:
        """What the photo shows of the head."""
        return Box(*(min(1.0, max(0.0, side)) for side in self.whole))

    @property
    def centre(self) -> tuple[float, float]:
        """Of the head that the photo shows, in fractions of the photo."""
        return (self.head.x0 + self.head.x1) / 2, (self.head.y0 + self.head.y1) / 2

    @property
    def head_width(self) -> float:
        """In fractions of the photo."""
        return self.head.x1 - self.head.x0

    @property
    def head_height(self) -> float:
        """In fractions of the photo."""
        return self.head.y1 - self.head.y0


def choose(photos: Iterable[Photo], split: str, *, per_label: int, seed: int = 0) -> list[Photo]:
    """Elders and adults of a split in a drawn order.

    Of `train` so many of each label, rare ones up to twice: they get another place, size and light each time. Of other
    splits every elder once, and so many adults that elders have the share ELDER_SHARE, as in the fit of day 0.
    """
    known = [photo for photo in photos if photo.split == split and photo.age_group in ("elder", "adult")]
    random = np.random.default_rng(seed)
    shuffled = [known[index] for index in random.permutation(len(known))]
    if split == "train":
        of_label = {label: [photo for photo in shuffled if label_of(photo) is label] for label in LABELS}
        chosen = [photo for people in of_label.values() for photo in (people * MOST_TIMES)[:per_label]]
    else:
        elders = [photo for photo in shuffled if photo.elder]
        adults = [photo for photo in shuffled if not photo.elder]
        chosen = elders + adults[: round(len(elders) * (1 - ELDER_SHARE) / ELDER_SHARE)]
    return [chosen[index] for index in random.permutation(len(chosen))]


def label_of(photo: Photo) -> Label:
    """The true label."""
    return Label.of(elder=photo.elder, female=photo.female)


def sitters(photos: Sequence[Photo]) -> list[Sitter]:
    """The people of the photos, with their heads by the cascade's face finder at a low threshold.

    Where it finds none, the head is where photos of that source usually have it: a face that the cascade can't find
    counts against it.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = list(pool.map(_look, photos))
    usual = {
        source: _middle(
            [head for photo, (head, *_) in zip(photos, looked, strict=True) if head and photo.source == source]
        )
        for source in {photo.source for photo in photos}
    }
    return [
        Sitter(photo, label_of(photo), head or usual[photo.source], size, skin)
        for photo, (head, size, skin) in zip(photos, looked, strict=True)
    ]


def _look(photo: Photo) -> tuple[Corners | None, tuple[int, int], tuple[int, int, int]]:
    """The head, the size of the photo and the colour of the skin."""
    image = photo.read()
    height, width = image.shape[:2]
    face = central(face_finder(at_least=FAINT).find(image), image)
    cheeks = image[height // 2 : 3 * height // 4, width // 3 : 2 * width // 3].reshape(-1, 3)
    red, green, blue = (int(value) for value in np.median(cheeks, axis=0))
    head = None if face is None else _head(face, width, height)
    if head is not None and min(1.0, head[2]) - max(0.0, head[0]) < SMALL:
        head = None
    return head, (width, height), (red, green, blue)


def _head(face: Face, width: int, height: int) -> Corners:
    """As `Face.head`, but not cut off at the edge of the photo."""
    x0, y0, x1, y1 = face.corners
    wide, tall = x1 - x0, y1 - y0
    left, top, right, bottom = HEAD_MARGINS
    return (
        (x0 - left * wide) / width,
        (y0 - top * tall) / height,
        (x1 + right * wide) / width,
        (y1 + bottom * tall) / height,
    )


def _middle(heads: Sequence[Corners]) -> Corners:
    if not heads:
        return 0.1, 0.05, 0.9, 0.95
    x0, y0, x1, y1 = (float(np.median(sides)) for sides in zip(*heads, strict=True))
    return x0, y0, x1, y1
