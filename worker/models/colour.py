"""The colour of a region: the name whose centre in CIE Lab most of its pixels are nearest to. Measured, not learned.

The centres are our own, chosen by eye; a name may have several. Lightness counts less than hue, for light falls on a
garment from one side. Pixels that are skin are left out: those that are near the colour of the person's own face, and
pass a rule for skin. White balance is left as the photo has it: under a yellow lamp white is beige.

Source of the formulas: IEC 61966-2-1 (sRGB) and CIE 15 (Lab, with the white of D65).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recipes.colours import PALETTES, Palette
from worker.models.detector import Image
from worker.models.faces import Face

Pixels = NDArray[np.uint8]  # (n, 3), RGB
Lab = NDArray[np.float64]  # (n, 3): lightness 0-100, green to red, blue to yellow

# sRGB of what each name looks like on cloth, in light and in shadow.
BASIC13: Final[Mapping[str, Sequence[tuple[int, int, int]]]] = {
    "black": [(24, 24, 26), (8, 8, 9)],
    "grey": [(128, 128, 128), (90, 90, 92), (165, 165, 166)],
    "white": [(242, 242, 240), (222, 223, 225)],
    "beige": [(222, 205, 172), (200, 178, 142)],
    "brown": [(105, 68, 40), (76, 48, 30), (140, 96, 58)],
    "red": [(200, 28, 36), (150, 22, 32)],
    "orange": [(238, 122, 28), (208, 98, 30)],
    "yellow": [(245, 212, 48), (214, 178, 36), (252, 246, 70)],
    "green": [(40, 140, 62), (24, 84, 44), (150, 200, 110), (96, 108, 56)],
    "blue": [(36, 92, 196), (116, 172, 226), (70, 116, 160)],
    "navy": [(24, 34, 80), (34, 40, 62), (16, 16, 120)],
    "purple": [(116, 52, 148), (164, 128, 200), (78, 40, 88)],
    "pink": [(240, 150, 180), (222, 84, 140), (246, 196, 206)],
}
CENTRES: Final = {Palette.BASIC13: BASIC13}

LIGHTNESS: Final = 0.6  # what a difference in lightness counts, of one in hue
LEAST_PIXELS: Final = 400  # of the photo, in a region; fewer say nothing
SIDE: Final = 64  # of a region made smaller, pixels: noise and weave are averaged away
LEAST_SMALL: Final = 60  # pixels of that, inside the region
NEAR_FACE: Final = 14.0  # of skin, from the face's colour, in hue
NEAR_LIGHT: Final = 28.0  # and in lightness
MOST_SKIN: Final = 0.5  # of a region; more is a garment in the colour of skin


@dataclass(frozen=True, slots=True)
class Shares:
    """How the pixels of a region share in the names of a palette: the one with most of them, and its part, 0-1."""

    name: str
    share: float


def named(pixels: Pixels, palette: Palette) -> Shares:
    """The colour that most of the pixels have; of equal ones the first in the palette. ValueError without a pixel."""
    if not len(pixels):
        raise ValueError("no pixel has no colour")
    names = PALETTES[palette]
    centres = [
        (lab_of(np.array([rgb], np.uint8))[0], place)
        for place, name in enumerate(names)
        for rgb in CENTRES[palette][name]
    ]
    points = np.array([centre for centre, _ in centres])
    places = np.array([place for _, place in centres])
    difference = lab_of(pixels)[:, None] - points[None]
    difference[..., 0] *= LIGHTNESS
    nearest = places[(difference**2).sum(axis=2).argmin(axis=1)]
    counts = np.bincount(nearest, minlength=len(names))
    best = int(counts.argmax())
    return Shares(names[best], float(counts[best] / len(pixels)))


def colour_of(
    image: Image, outline: Sequence[tuple[float, float]], face: Face | None, palette: Palette
) -> Shares | None:
    """The colour inside an outline, pixels of the photo; None if the photo shows too little of it."""
    if (pixels := inside(image, outline)) is None:
        return None
    if face is not None and (own := skin_of(image, face)) is not None:
        skin = is_skin(pixels, own)
        if skin.mean() <= MOST_SKIN:
            pixels = pixels[~skin]
    return named(pixels, palette)


def inside(image: Image, outline: Sequence[tuple[float, float]]) -> Pixels | None:
    """The pixels inside an outline, made smaller first; None if the photo shows too few of them."""
    height, width = image.shape[:2]
    points = np.array(outline, np.float64)
    left, top = np.floor(points.min(axis=0)).clip(0).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).clip(0, (width, height)).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    part = Pillow.fromarray(image[top:bottom, left:right])
    scale = min(1.0, SIDE / max(part.size))
    size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
    small = np.asarray(part.resize(size, Pillow.Resampling.BOX))
    columns = left + (np.arange(size[0]) + 0.5) * part.width / size[0]
    rows = top + (np.arange(size[1]) + 0.5) * part.height / size[1]
    mask = covered(points, columns[None, :], rows[:, None])
    of_photo = mask.sum() * (part.width / size[0]) * (part.height / size[1])
    return small[mask] if mask.sum() >= LEAST_SMALL and of_photo >= LEAST_PIXELS else None


def covered(points: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether places are inside a polygon, (n, 2): a ray from each crosses its sides an odd number of times."""
    result = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 != y1:
            result ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return result


def skin_of(image: Image, face: Face) -> Lab | None:
    """The colour of a person's skin: the median around nose and cheeks, Lab (3,); None if it is outside."""
    x0, y0, x1, y1 = face.corners
    wide, tall = x1 - x0, y1 - y0
    corners = [(x0 + 0.25 * wide, y0 + 0.45 * tall), (x0 + 0.75 * wide, y0 + 0.7 * tall)]
    (left, top), (right, bottom) = corners
    part = image[max(0, int(top)) : max(0, int(bottom) + 1), max(0, int(left)) : max(0, int(right) + 1)]
    return np.median(lab_of(part.reshape(-1, 3)), axis=0) if part.size else None


def is_skin(pixels: Pixels, own: Lab) -> NDArray[np.bool_]:
    """Whether pixels are skin: near the face's own colour, and red before green before blue, as all skin is."""
    difference = lab_of(pixels) - own
    near = (np.hypot(difference[:, 1], difference[:, 2]) <= NEAR_FACE) & (np.abs(difference[:, 0]) <= NEAR_LIGHT)
    red, green, blue = pixels.astype(np.int16).T
    return np.asarray(near & (red > green + 8) & (green >= blue))


def lab_of(pixels: Pixels) -> Lab:
    """sRGB pixels, (n, 3), as CIE Lab."""
    values = pixels.astype(np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    x, y, z = (linear @ _TO_XYZ.T / _WHITE).T
    fx, fy, fz = (
        np.where(each > (6 / 29) ** 3, np.cbrt(each), each / (3 * (6 / 29) ** 2) + 4 / 29) for each in (x, y, z)
    )
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=1)


_TO_XYZ: Final = np.array(
    [(0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041)]
)
_WHITE: Final = _TO_XYZ.sum(axis=1)
