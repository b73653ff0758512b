"""A photo of any size into the square that a YOLO sees, and its boxes back out.

As ultralytics does it in training and validation: the longer side fills the square, the rest is grey on both sides,
pixels are interpolated between their four neighbours (OpenCV's INTER_LINEAR). A network asked about pictures made
otherwise answers a little worse than it was judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from worker.detector import Image

GREY: Final = 114

Corners = NDArray[np.float64]  # (n, 4): x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the photo lies in the square, in the square's pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, image: Image, side: int) -> Placement:
        """The photo as large as it fits, in the middle; a strip thinner than a pixel gets one pixel."""
        height, width = image.shape[:2]
        scale = side / max(height, width)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        # An odd border is a pixel less at the left and the top, as in ultralytics.
        return cls((side - inner_width) // 2, (side - inner_height) // 2, inner_width, inner_height)

    def clipped(self, boxes: Corners) -> Corners:
        """Boxes in the square's pixels, cut off where the photo ends; one that lies outside loses all of its area."""
        low = np.array([self.left, self.top] * 2, dtype=np.float64)
        return np.asarray(np.clip(boxes, low, low + self._size))

    def to_photo(self, boxes: Corners) -> Corners:
        """Boxes in the square's pixels as fractions of the photo."""
        return np.asarray((boxes - [self.left, self.top] * 2) / self._size)

    def to_square(self, boxes: Corners) -> Corners:
        """Boxes in fractions of the photo as the square's pixels."""
        return np.asarray(boxes * self._size + [self.left, self.top] * 2)

    @property
    def _size(self) -> Corners:
        return np.array([self.width, self.height] * 2, dtype=np.float64)


def letterbox(image: Image, square: NDArray[np.uint8]) -> Placement:
    """Draw the photo into `square`, (side, side, 3), of which every pixel is overwritten."""
    at = Placement.of(image, len(square))
    square[:] = GREY
    square[at.top : at.top + at.height, at.left : at.left + at.width] = _resized(image, at.width, at.height)
    return at


def _resized(image: Image, width: int, height: int) -> Image:
    was_height, was_width = image.shape[:2]
    if (was_width, was_height) == (width, height):
        return image
    picture = Pillow.fromarray(image)
    if (was_width, was_height) == (2 * width, 2 * height):
        # 1280 × 720, what most cameras send, into 640: the same mean of four pixels in an eighth of the time.
        return np.asarray(picture.reduce(2))
    # Not `resize`, which widens its filter when it shrinks: other pixels than those of the training.
    corner_to_corner = (was_width / width, 0, 0, 0, was_height / height, 0)
    return np.asarray(
        picture.transform((width, height), Pillow.Transform.AFFINE, corner_to_corner, Pillow.Resampling.BILINEAR)
    )
