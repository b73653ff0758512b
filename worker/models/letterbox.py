"""Letterbox: resize a photo of any size into the frame that a YOLO takes, and map its boxes back.

As in ultralytics: the longer side of the photo is as long as the network's input, the rest of the frame is grey on both
sides, pixels are interpolated bilinearly (OpenCV's INTER_LINEAR). On pictures prepared in another way a network is a
little less accurate than in its evaluation.

The frame is the smallest that the network's grid allows, or a square if the input shape is fixed: of a photo of
1280 × 720 in a square of 640 × 640 two fifths are grey, and cost as much time as the photo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from worker.models.detector import Image

GREY: Final = 114
STRIDE: Final = 32  # pixels of the coarsest of YOLOv5's three grids: sides of a frame are multiples of it

Corners = NDArray[np.float64]  # (n, 4): x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class Placement:
    """The photo's rectangle in the frame, in the frame's pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, image: Image, side: int, frame: tuple[int, int]) -> Placement:
        """The photo with a longer side of `side`, in the middle of a frame of that height and width."""
        height, width = _inner(image, side)
        # An odd border is a pixel less at the left and the top, as in ultralytics.
        return cls((frame[1] - width) // 2, (frame[0] - height) // 2, width, height)

    def clipped(self, boxes: Corners) -> Corners:
        """Boxes in the frame's pixels, clipped to the photo; one that lies outside loses all of its area."""
        low = np.array([self.left, self.top] * 2, dtype=np.float64)
        return np.asarray(np.clip(boxes, low, low + self._size))

    def to_photo(self, boxes: Corners) -> Corners:
        """Boxes in the frame's pixels as fractions of the photo."""
        return np.asarray((boxes - [self.left, self.top] * 2) / self._size)

    @property
    def _size(self) -> Corners:
        return np.array([self.width, self.height] * 2, dtype=np.float64)


def frame_for(image: Image, side: int, *, slack: float = 0.0) -> tuple[int, int]:
    """Height and width of the smallest frame around the photo with a longer side of `side`.

    `slack`: strides of padding beyond that; `yolo val` adds half of one.
    """
    height, width = (math.ceil(length / STRIDE + slack) * STRIDE for length in _inner(image, side))
    return height, width


def letterbox(image: Image, side: int, frame: NDArray[np.uint8]) -> Placement:
    """Draw the photo, with a longer side of `side`, into `frame`, (height, width, 3): every pixel is overwritten."""
    placement = Placement.of(image, side, frame.shape[:2])
    frame[:] = GREY
    rows = slice(placement.top, placement.top + placement.height)
    columns = slice(placement.left, placement.left + placement.width)
    frame[rows, columns] = _resized(image, placement.width, placement.height)
    return placement


def _inner(image: Image, side: int) -> tuple[int, int]:
    """Height and width of the photo in the frame; a strip thinner than a pixel gets one pixel."""
    scale = side / max(image.shape[:2])
    return max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))


def _resized(image: Image, width: int, height: int) -> Image:
    old_height, old_width = image.shape[:2]
    if (old_width, old_height) == (width, height):
        return image
    picture = Pillow.fromarray(image)
    if (old_width, old_height) == (2 * width, 2 * height):
        # 1280 × 720, as of most cameras, into 640: the same mean of four pixels in an eighth of the time.
        return np.asarray(picture.reduce(2))
    # Not `resize`, which widens its filter when it shrinks: the pixels would differ from those of the training.
    corner_to_corner = (old_width / width, 0, 0, 0, old_height / height, 0)
    return np.asarray(
        picture.transform((width, height), Pillow.Transform.AFFINE, corner_to_corner, Pillow.Resampling.BILINEAR)
    )
