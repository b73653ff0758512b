"""Face alignment: a face becomes a small upright picture (chip), as the networks were trained on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from worker.models.detector import Image
from worker.models.faces import Face, Points

Chip = NDArray[np.uint8]  # (side, side, 3), RGB, eyes level, the face in the middle

# Where the eyes, the tip of the nose and the mouth are in a chip without padding, in parts of its side.
CANONICAL: Final = np.array([(0.24, 0.22), (0.76, 0.22), (0.5, 0.516), (0.5, 0.82)])


def chip(image: Image, face: Face, side: int, padding: float) -> Chip:
    """The face turned upright, `side` pixels wide, with `padding` of its size around it; edges are repeated.

    A least-squares similarity (rotation, scale, shift) takes the landmarks to where a chip has them.
    """
    target = (CANONICAL + padding) / (1 + 2 * padding) * side
    (a, b), (x, y) = similarity(target, np.array(face.landmarks))  # chip → photo
    # The part of the photo around the chip, first made smaller: bilinear sampling alone would skip pixels.
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)]) @ np.array([(a, b), (-b, a)]) + (x, y)
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)) - 2, np.ceil(corners.max(axis=0)) + 2
    part = _part(image, int(x0), int(y0), int(x1), int(y1))
    shrink = max(1.0, float(np.hypot(a, b)))
    size = (max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink)))
    small = Pillow.fromarray(part).resize(size, Pillow.Resampling.BILINEAR) if shrink > 1 else Pillow.fromarray(part)
    fx, fy = size[0] / part.shape[1], size[1] / part.shape[0]
    matrix = (a * fx, -b * fx, (x - x0) * fx, b * fy, a * fy, (y - y0) * fy)
    return np.asarray(small.transform((side, side), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR))


def similarity(source: Points, target: Points) -> tuple[tuple[float, float], tuple[float, float]]:
    """The least-squares (a, b), (x, y) with target = (a·u - b·v + x, b·u + a·v + y) for source (u, v).

    Umeyama's problem without reflection; in the plane it is one complex division.
    """
    u, w = source @ (1, 1j), target @ (1, 1j)
    centre_u, centre_w = u.mean(), w.mean()
    spread = float((np.abs(u - centre_u) ** 2).sum())
    turn = complex(((w - centre_w) * np.conj(u - centre_u)).sum() / spread)
    shift = complex(centre_w - turn * centre_u)
    return (turn.real, turn.imag), (shift.real, shift.imag)


def _part(image: Image, x0: int, y0: int, x1: int, y1: int) -> Image:
    """The rectangle; outside the photo its edge pixels are repeated."""
    height, width = image.shape[:2]
    rows = np.clip(np.arange(y0, y1), 0, height - 1)
    columns = np.clip(np.arange(x0, x1), 0, width - 1)
    return np.asarray(image[rows[:, None], columns])
