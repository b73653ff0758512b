"""Where the head is in the picture: the portrait turned, cut, or put far away into a drawn room. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from contracts.boxes import Box
from day0.scenes import background
from worker.models.detector import Image

ROOMS: Final = 24
ASPECTS: Final = (35 / 45, 35 / 45, 3 / 4, 1.0)  # width by height: the first is that of most passports


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture, and the head in it, in pixels from the left and the top."""

    image: Image
    left: float
    top: float
    wide: float
    tall: float

    @property
    def height(self) -> float:
        """Of the head, in parts of the picture's."""
        return self.tall / len(self.image)

    @property
    def aside(self) -> float:
        """How far the head's middle is to the right of the picture's, in parts of its width."""
        return (self.left + self.wide / 2) / len(self.image[0]) - 0.5

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.wide / 2, self.top + self.tall / 2

    @property
    def box(self) -> Box:
        """What of the head is in the picture, in fractions."""
        height, width = self.image.shape[:2]
        x0, x1 = (min(1.0, max(0.0, x / width)) for x in (self.left, self.left + self.wide))
        y0, y1 = (min(1.0, max(0.0, y / height)) for y in (self.top, self.top + self.tall))
        return Box(x0, y0, x1, y1)


def mirrored(placed: Placed) -> Placed:
    """Left and right changed."""
    left = placed.image.shape[1] - placed.left - placed.wide
    return Placed(np.ascontiguousarray(placed.image[:, ::-1]), left, placed.top, placed.wide, placed.tall)


def turned(placed: Placed, degrees: float) -> Placed:
    """Turned clockwise about the middle of the head; beyond its edges the portrait is mirrored."""
    pad = max(placed.image.shape[:2]) // 4
    x, y = placed.middle
    wider = np.pad(placed.image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    rotated = Pillow.fromarray(wider).rotate(-degrees, Pillow.Resampling.BICUBIC, center=(x + pad, y + pad))
    image = np.ascontiguousarray(np.asarray(rotated)[pad:-pad, pad:-pad])
    return Placed(image, placed.left, placed.top, placed.wide, placed.tall)


def cut(placed: Placed, height: float, aside: float, down: float, aspect: float) -> Placed:
    """The part of the portrait in which the head has `height`, is `aside`, and its middle at `down`, as far as it goes.

    A portrait in which the head is larger than that, or too near to an edge, gives what it has: `Placed` says it.
    """
    tall, wide = placed.image.shape[:2]
    rows = min(tall, max(8, round(placed.tall / height)))
    columns = min(wide, max(8, round(rows * aspect)))
    x, y = placed.middle
    top = round(min(max(0.0, y - down * rows), tall - rows))
    left = round(min(max(0.0, x - (0.5 + aside) * columns), wide - columns))
    image = np.ascontiguousarray(placed.image[top : top + rows, left : left + columns])
    return Placed(image, placed.left - left, placed.top - top, placed.wide, placed.tall)


def far_away(placed: Placed, height: float, across: float, aspect: float, room: int) -> Placed:
    """The person in a drawn room. `across`: of the portrait's left edge, 0 at the picture's left, 1 at its right."""
    tall, wide = placed.image.shape[:2]
    rows = max(round(placed.tall / height), tall)
    columns = max(round(rows * aspect), wide)
    left, top = round(across * (columns - wide)), rows - tall
    scene = _room(room % ROOMS).resize((columns, rows), Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    rim = max(2, wide // 30)
    mask = Pillow.new("L", (wide, tall), 0)
    ImageDraw.Draw(mask).rounded_rectangle((rim, rim, wide - rim, tall), radius=4 * rim, fill=255)
    scene.paste(Pillow.fromarray(placed.image), (left, top), mask.filter(ImageFilter.GaussianBlur(rim / 2)))
    return Placed(np.asarray(scene), placed.left + left, placed.top + top, placed.wide, placed.tall)


@cache
def _room(seed: int) -> Pillow.Image:
    return background(seed, (960, 720))
