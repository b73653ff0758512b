"""Sanity checks of boxes and pictures. What fails is mostly a slip of the mouse, or of the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from contracts.boxes import LabelledBox, iou

MIN_SIDE: Final = 64  # pixels of a picture: below, a face is a smudge
MIN_BOX: Final = 8  # pixels
MAX_ASPECT: Final = 5.0  # a whole standing person is about 1:3, a face 3:4
MAX_SHARE: Final = 0.98  # of the picture
MAX_OVERLAP: Final = 0.9  # intersection over union of two people


def check_sanity(people: Sequence[LabelledBox], size: tuple[int, int]) -> str | None:
    """The first check that fails, in words; None when all pass. `size`: width and height in pixels."""
    if min(size) < MIN_SIDE:
        return f"the picture has {size[0]} × {size[1]} pixels"
    for number, person in enumerate(people, start=1):
        x0, y0, x1, y1 = person.box.corners
        width, height = (x1 - x0) * size[0], (y1 - y0) * size[1]
        if min(width, height) < MIN_BOX:
            return f"box {number} has {width:.0f} × {height:.0f} pixels"
        if max(width / height, height / width) > MAX_ASPECT:
            return f"box {number} has {width:.0f} × {height:.0f} pixels: nobody has this form"
        if width * height > MAX_SHARE * size[0] * size[1]:
            return f"box {number} is the whole picture"
    for (first, person), (second, other) in combinations(enumerate(people, start=1), 2):
        if iou(person.box, other.box) > MAX_OVERLAP:
            return f"boxes {first} and {second} are the same person"
    return None
