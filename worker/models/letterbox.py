"""A photo of any size into the frame that a YOLO sees, and its boxes back out.

As ultralytics does it: the longer side of the photo is as long as the network's input, the rest of the frame is grey on
both sides, pixels are interpolated between their four neighbours (OpenCV's INTER_LINEAR). A network asked about
pictures made otherwise answers a little worse than it was judged.

The frame is the least that the network's grid allows, or a square where the network takes nothing else: of a photo of
1280 × 720 in a square of 640 × 640 two fifths are grey, and cost as much as the photo.
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
    """Where the photo lies in the frame, in the frame's pixels."""

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
        """Boxes in the frame's pixels, cut off where the photo ends; one that lies outside loses all of its area."""
        low = np.array([self.left, self.top] * 2, dtype=np.float64)
        return np.asarray(np.clip(boxes, low, low + self._size))

    def to_photo(self, boxes: Corners) -> Corners:
        """Boxes in the frame's pixels as fractions of the photo."""
        return np.asarray((boxes - [self.left, self.top] * 2) / self._size)

    def to_frame(self, boxes: Corners) -> Corners:
        """Boxes in fractions of the photo as the frame's pixels."""
        return np.asarray(boxes * self._size + [self.left, self.top] * 2)

    @property
    def _size(self) -> Corners:
        return np.array([self.width, self.height] * 2, dtype=np.float64)


def frame_for(image: Image, side: int, *, slack: float = 0.0) -> tuple[int, int]:
    """Height and width of the least frame around the photo with a longer side of `side`.

    `slack`: of a stride more; `yolo val` gives half of one.
    """
    height, width = (math.ceil(length / STRIDE + slack) * STRIDE for length in _inner(image, side))
    return height, width


def letterbox(image: Image, side: int, frame: NDArray[np.uint8]) -> Placement:
    """Draw the photo, with a longer side of `side`, into `frame`, (height, width, 3): every pixel is overwritten."""
    at = Placement.of(image, side, frame.shape[:2])
    frame[:] = GREY
    frame[at.top : at.top + at.height, at.left : at.left + at.width] = _resized(image, at.width, at.height)
    return at


def _inner(image: Image, side: int) -> tuple[int, int]:
    """Height and width of the photo in the frame; a strip thinner than a pixel gets one pixel."""
    scale = side / max(image.shape[:2])
    return max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))


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
