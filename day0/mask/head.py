"""The lower head as a bent surface in the photo: where a pixel lies on it, and where a place on it lies in the photo.

Lengths are in widths of the face (1: CANONICAL's side in `worker.models.chips`), the eye line is height 0, down is
positive. At each height the head is half an ellipse. A place on it has an angle: 0 in the middle, over nose and chin;
pi / 2 and more at the ears; negative at the person's right, which is left in the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worker.models.faces import Face

Plane = NDArray[np.floating[Any]]  # a number for each pixel, (height, width)

EYES: Final = 0.52  # between the eyes of a face seen from the front
MOUTH: Final = 0.6  # height of the mouth
EYES_AHEAD: Final = 0.45  # of the head's axis
NOSE_AHEAD: Final = 0.23  # of the eyes: the tip
NOSES: Final = (0.14, 0.46)  # heights of a nose's tip, from a head that looks up to one that looks down
TURN: Final = 1.1  # radians; a face that is turned further shows no mouth

# Half the width of a head at some heights, and how far a mask stands ahead of its axis: over the nose, mouth, chin.
HEIGHTS: Final = (0.0, 0.3, 0.5, 0.7, 0.87, 1.0, 1.2)
HALF_WIDTHS: Final = (0.53, 0.53, 0.505, 0.455, 0.37, 0.31, 0.27)
DEPTHS: Final = (0.52, 0.64, 0.62, 0.58, 0.52, 0.44, 0.38)


@dataclass(frozen=True, slots=True)
class Surface:
    """Where each pixel lies. All arrays have the shape (height, width)."""

    across: Plane  # from the middle between the eyes, to the right in the photo
    down: Plane
    angle: Plane
    facing: Plane  # 1 where the surface faces the camera, 0 at its rim
    rim: Plane  # the distance to the rim, negative outside the head


@dataclass(frozen=True, slots=True)
class Head:
    """A face's place in the photo and how it is turned; `turn` is in radians, positive to the right of the photo."""

    middle: tuple[float, float]  # between the eyes, pixels
    right: tuple[float, float]  # a unit vector in the photo, along the eye line
    wide: float  # pixels of one width of the face, across
    tall: float  # and down
    turn: float
    nose: float  # the height of its tip

    @classmethod
    def of(cls, face: Face) -> Head:
        """From the landmarks: the nose's tip between the eyes tells the turn, eyes and mouth tell size and roll."""
        right_eye, left_eye, nose, mouth = (complex(*point) for point in face.landmarks)
        middle = (right_eye + left_eye) / 2
        # The line to the mouth hardly moves when the head turns; the eye line is longer. Both tell the roll.
        axis = (left_eye - right_eye) / max(abs(left_eye - right_eye), 1e-6) + (mouth - middle) / 1j / max(
            abs(mouth - middle), 1e-6
        )
        axis /= max(abs(axis), 1e-6)
        eyes, tip, lips = ((place / axis) for place in (left_eye - right_eye, nose - middle, mouth - middle))
        ahead, apart = tip.real / NOSE_AHEAD, eyes.real / EYES
        tall = max(lips.imag / MOUTH, 1.0)
        wide = float(np.clip(np.hypot(ahead, apart), 0.8 * tall, 1.25 * tall))
        return cls(
            middle=(middle.real, middle.imag),
            right=(axis.real, axis.imag),
            wide=wide,
            tall=tall,
            turn=float(np.clip(np.arctan2(ahead, max(apart, 1e-6)), -TURN, TURN)),
            nose=float(np.clip(tip.imag / tall, *NOSES)),
        )

    def surface(self, height: int, width: int) -> Surface:
        """The surface that each pixel of a photo of that size shows."""
        y, x = np.mgrid[:height, :width].astype(np.float32) + np.float32(0.5)
        x, y = x - self.middle[0], y - self.middle[1]
        cos, sin = self.right
        across, down = (x * cos + y * sin) / self.wide, (y * cos - x * sin) / self.tall
        half, shift = self._rim(down)
        place = across - self._axis
        facing = np.sqrt(np.clip(1 - (place / half) ** 2, 0, 1))
        return Surface(
            across=across.astype(np.float32),
            down=down.astype(np.float32),
            angle=(np.arcsin(np.clip(place / half, -1, 1)) - shift).astype(np.float32),
            facing=facing.astype(np.float32),
            rim=(half - np.abs(place)).astype(np.float32),
        )

    def place(self, angle: float, down: float) -> tuple[float, float]:
        """The pixel of a place on the surface."""
        half, shift = self._rim(np.float32(down))
        across = self._axis + float(half) * float(np.sin(angle + float(shift)))
        return self.pixel(across, down)

    def pixel(self, across: float, down: float) -> tuple[float, float]:
        """The pixel of a place in the plane of the photo."""
        cos, sin = self.right
        x, y = across * self.wide, down * self.tall
        return self.middle[0] + x * cos - y * sin, self.middle[1] + x * sin + y * cos

    def faces_camera(self, angle: float, down: float) -> bool:
        """Whether a place is on the side of the head that the photo shows."""
        _, shift = self._rim(np.float32(down))
        return bool(np.cos(angle + float(shift)) > -0.1)

    @property
    def _axis(self) -> float:
        return -EYES_AHEAD * float(np.sin(self.turn))

    def _rim(self, down: Plane | np.float32) -> tuple[Plane, Plane]:
        """Half the visible width of the turned ellipse, and the angle of the place that faces the camera, negative."""
        side = np.interp(down, HEIGHTS, HALF_WIDTHS) * np.cos(self.turn)
        front = np.interp(down, HEIGHTS, DEPTHS) * np.sin(self.turn)
        return np.hypot(side, front).astype(np.float32), np.arctan2(front, side).astype(np.float32)
