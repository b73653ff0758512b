"""Boxes and pictures of a form that nobody has. What is odd was mostly a slip of the mouse, or of the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from contracts.boxes import Box, iou
from contracts.labels import Label

LEAST_SIDE: Final = 64  # pixels of a picture: below, a face is a smudge
LEAST_BOX: Final = 8  # pixels
MOST_ASPECT: Final = 5.0  # a whole standing person is about 1:3, a face 3:4
MOST_SHARE: Final = 0.98  # of the picture
MOST_OVERLAP: Final = 0.9  # intersection over union of two people


def odd(people: Sequence[tuple[Label, Box]], size: tuple[int, int]) -> str | None:
    """What is, in words; None when nothing is. `size`: width and height in pixels."""
    if min(size) < LEAST_SIDE:
        return f"the picture has {size[0]} × {size[1]} pixels"
    for number, (_, box) in enumerate(people, start=1):
        width, height = (box.x1 - box.x0) * size[0], (box.y1 - box.y0) * size[1]
        if min(width, height) < LEAST_BOX:
            return f"box {number} has {width:.0f} × {height:.0f} pixels"
        if max(width / height, height / width) > MOST_ASPECT:
            return f"box {number} has {width:.0f} × {height:.0f} pixels: nobody has this form"
        if width * height > MOST_SHARE * size[0] * size[1]:
            return f"box {number} is the whole picture"
    for (first, (_, one)), (second, (_, other)) in combinations(enumerate(people, start=1), 2):
        if iou(one, other) > MOST_OVERLAP:
            return f"boxes {first} and {second} are the same person"
    return None
