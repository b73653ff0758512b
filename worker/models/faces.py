"""Face detection, and the faces as the small aligned pictures (chips) that the networks were trained on.

dlib's HOG face detector slides an 80 x 80 window over a pyramid of the picture: the smaller the working picture, the
faster, and the fewer of the small faces are found. So the finder runs `passes`, cheap ones first, and stops at the
first that finds a face. Boxes of one pass hardly overlap (dlib suppresses non-maxima itself), and boxes of two passes
are never mixed: no person is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from contracts.boxes import Box
from worker.models.detector import Image
from worker.threads import IdlePool

Chip = NDArray[np.uint8]  # (side, side, 3), RGB, eyes level, the face in the middle

# A dlib detector keeps its pyramid while it runs: one call at a time. All are alike, and creating one blocks every
# thread for 0.4 s, so a finder that is loaded while another serves reuses the idle ones.
_DETECTORS: Final = IdlePool[dlib.fhog_object_detector](dlib.get_frontal_face_detector)
MIN_SIDE = 16  # pixels; a photo narrower than this can't hold a face, and dlib's pyramid has nothing to stand on


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """One run of the detector: the long side resized to `long_side` pixels, after adding a border of `padding` of it.

    The border repeats the edge pixels: the detector finds no face that touches the edge of its input. Small pictures
    are enlarged at most `max_zoom` times.
    """

    long_side: int
    padding: float
    max_zoom: float


@dataclass(frozen=True, slots=True)
class View:
    """One way to cut a face out: `padding` is the room around it in parts of its size."""

    padding: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Rect:
    """A face from the eyebrows to the chin: pixels of the photo, may be partly outside it."""

    left: float
    top: float
    right: float
    bottom: float

    def head(self, margin: float, image: Image) -> Box:
        """The head around the face: wider by `margin` of the face at each side, clipped to the photo."""
        height, width = image.shape[:2]
        x, y = (self.right - self.left) * margin, (self.bottom - self.top) * margin
        # Hair and forehead lie above the face, so more is added at the top than at the chin.
        x0, x1 = max(0.0, (self.left - x) / width), min(1.0, (self.right + x) / width)
        y0, y1 = max(0.0, (self.top - 1.5 * y) / height), min(1.0, (self.bottom + 0.5 * y) / height)
        return Box(x0, y0, x1, y1)


class FaceFinder:
    """Finds faces with dlib's HOG detector and cuts chips with its five-point landmarks. Safe for several threads."""

    def __init__(self, landmarks: Path, passes: Sequence[DetectionPass]) -> None:
        self._passes = tuple(passes)
        self._landmarks = dlib.shape_predictor(str(landmarks))

    def find(self, image: Image) -> list[Rect]:
        """The faces in the photo, from the first pass that finds any."""
        height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            return []
        tried: set[tuple[int, float]] = set()
        for each in self._passes:
            border = round(each.padding * max(height, width))
            scale = min(each.max_zoom, each.long_side / (max(height, width) + 2 * border))
            # A small picture at its greatest zoom is the same picture in the next pass.
            if (border, scale) not in tried and (faces := self._detect(image, border, scale)):
                return faces
            tried.add((border, scale))
        return []

    def chips(self, image: Image, face: Rect, side: int, views: Sequence[View]) -> tuple[Chip, ...]:
        """The face turned upright, `side` pixels wide, in each of the views."""
        rectangle = dlib.rectangle(round(face.left), round(face.top), round(face.right), round(face.bottom))
        shape = self._landmarks(image, rectangle)
        chips = {
            padding: dlib.extract_image_chip(image, dlib.get_face_chip_details(shape, side, padding))
            for padding in {view.padding for view in views}
        }
        return tuple(chips[view.padding][:, ::-1] if view.mirrored else chips[view.padding] for view in views)

    def _detect(self, image: Image, border: int, scale: float) -> list[Rect]:
        small = _resized(image, scale)
        edge = round(border * scale)
        # Padded after resizing: around the whole photo, a long strip's border would have a thousand times its pixels.
        small = np.pad(small, ((edge, edge), (edge, edge), (0, 0)), mode="edge") if edge else small
        if min(small.shape[:2]) < MIN_SIDE:
            return []
        with _DETECTORS.use() as detector:
            boxes, _, _ = detector.run(small, 0, 0.0)
        return [
            Rect(*((side - edge) / scale for side in (box.left(), box.top(), box.right() + 1, box.bottom() + 1)))
            for box in boxes
            if _centre_inside(box, small.shape, edge)
        ]


def _resized(image: Image, scale: float) -> Image:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return image
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BILINEAR, reducing_gap=1.0))


def _centre_inside(box: dlib.rectangle, shape: tuple[int, ...], border: int) -> bool:
    centre = box.center()
    return bool(border <= centre.x < shape[1] - border and border <= centre.y < shape[0] - border)
