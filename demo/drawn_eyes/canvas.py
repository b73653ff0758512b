"""The pixels of a picture in units of the eye, and the noise that fur, iris and mucus are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SIDE: Final = 320  # pixels of a picture
Random = np.random.Generator
Plane = NDArray[np.float32]  # (SIDE, SIDE)
Colours = NDArray[np.float32]  # (SIDE, SIDE, 3), 0-1
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where each pixel is. `u` from corner to corner of the eye, -1 to 1, `v` down; `unit`: pixels of 1.

    `middle`: column and row of the eye's middle; `turn`: radians, clockwise.
    """

    u: Plane
    v: Plane
    unit: float
    middle: tuple[float, float]
    turn: float

    @classmethod
    def posed(cls, unit: float, x: float, y: float, radians: float) -> Canvas:
        """The eye's middle at `x`, `y` of the picture (fractions), turned clockwise."""
        rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
        across, down = (columns - x * SIDE) / unit, (rows - y * SIDE) / unit
        u = across * np.cos(radians) + down * np.sin(radians)
        v = down * np.cos(radians) - across * np.sin(radians)
        return cls(u.astype(np.float32), v.astype(np.float32), unit, (x * SIDE, y * SIDE), radians)

    def within(self, distance: Plane, soft: float = 0.0) -> Plane:
        """1 where a distance (in units, positive inside) is inside, 0 outside, with an edge of a pixel, or `soft`."""
        edge = max(soft, 1.0 / self.unit)
        return np.clip(distance / edge + 0.5, 0, 1).astype(np.float32)

    def spot(self, u: float, v: float, wide: float, tall: float | None = None, turn: float = 0.0) -> Plane:
        """1 in the middle of an ellipse, 0 at its edge, negative outside."""
        across, down = self.u - u, self.v - v
        along = across * np.cos(turn) + down * np.sin(turn)
        beside = down * np.cos(turn) - across * np.sin(turn)
        return np.asarray(1 - np.hypot(along / wide, beside / (tall or wide)), dtype=np.float32)

    def pixel(self, u: float, v: float) -> tuple[float, float]:
        """Column and row of a place."""
        column = self.middle[0] + self.unit * (u * np.cos(self.turn) - v * np.sin(self.turn))
        row = self.middle[1] + self.unit * (u * np.sin(self.turn) + v * np.cos(self.turn))
        return float(column), float(row)


def over(below: Colours, above: NDArray[np.float32] | Colour, cover: Plane) -> Colours:
    """`above` laid over `below` where `cover`, 0-1, says so."""
    return np.asarray(below + (np.asarray(above, np.float32) - below) * cover[..., None], dtype=np.float32)


def noise(random: Random, pixels: float) -> Plane:
    """Smooth noise of mean 0 and variance 1, whose blobs are about `pixels` wide."""
    cells = max(3, round(SIDE / pixels) + 2)
    coarse = Image.fromarray(random.normal(0, 1, (cells, cells)).astype(np.float32))
    smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.asarray((smooth - smooth.mean()) / (smooth.std() + 1e-6), dtype=np.float32)


def streaks(random: Random, direction: Plane, length: int) -> Plane:
    """Noise of mean 0 and variance 1 in lines of `length` pixels that follow a direction (radians)."""
    grain = random.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    across, down = np.cos(direction), np.sin(direction)
    total = np.zeros_like(grain)
    for step in range(-(length // 2), length // 2 + 1):
        row = np.clip(rows + step * down, 0, SIDE - 1).astype(np.intp)
        column = np.clip(columns + step * across, 0, SIDE - 1).astype(np.intp)
        total += grain[row, column]
    return np.asarray((total - total.mean()) / total.std(), dtype=np.float32)


def colour(*parts: float) -> NDArray[np.float32]:
    """Red, green and blue, 0-1, to calculate with."""
    return np.array(parts, dtype=np.float32)


def blurred(values: NDArray[np.float32], pixels: float) -> NDArray[np.float32]:
    """Blurred by a Gaussian; a plane or colours, 0-1."""
    if pixels < 0.2:
        return values
    image = Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))
    return (np.asarray(image.filter(ImageFilter.GaussianBlur(pixels))) / 255).astype(np.float32)
