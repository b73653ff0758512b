"""The body of a person whose face was found: where shoulders, hips and knees are, by BlazePose.

BlazePose (full) looks at a square of 256 x 256 pixels around one person, upright in it, and answers 33 points of the
body, each with the chance that it is seen, and two more that say where the next square should lie. MediaPipe finds the
first square with a network of its own; here it lies below the face, as large as a grown person who stands, and the next
ones are where the answer before puts them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from worker.models.boxes import InvalidOutput
from worker.models.detector import Image
from worker.models.faces import Face, Points
from worker.models.manifests import InvalidModel
from worker.models.onnx_runtime import session

POSE: Final = Path(__file__).parent / "model_data" / "pose.onnx"
POSE_SHA256: Final = "0d81ce9a3d51bcc00d45135b22d3884e87059ebb3f4ea80941b5f09ea1ad125a"

SIDE: Final = 256  # pixels of the network's input
POINTS: Final = 33
MIDDLE, REACH = 33, 34  # further points: between the hips, and one as far from there as the body reaches, upwards
NOSE: Final = 0
SHOULDERS, HIPS, KNEES = (11, 12), (23, 24), (25, 26)  # left, right
BELOW: Final = 4.0  # heights of a face from its middle down to the hips
ROOM: Final = 1.25  # the square is larger than the body, as in the network's training
BODY: Final = 5.5  # heights of a face that a body reaches from its hips
NEAR: Final = 0.3  # of a face's size, that the nose of its body may lie outside it
LEAST: Final = 0.5  # the network's own probability that the square shows a body


@dataclass(frozen=True, slots=True)
class Body:
    """The points of a body, pixels of the photo, which may lie outside it, and the chance that each is seen, 0-1."""

    points: Points  # (POINTS, 2)
    seen: NDArray[np.float64]  # (POINTS,)


@dataclass(frozen=True, slots=True)
class Frame:
    """A square of the photo in which a person stands upright: its middle, and the half side towards the head; pixels.

    Both are complex numbers, x + iy, so that to turn is to multiply.
    """

    middle: complex
    up: complex

    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """From the network's pixels to the photo's, as Pillow takes it."""
        right = 2 * self.up * 1j / SIDE
        down = -2 * self.up / SIDE
        corner = self.middle - (right + down) * SIDE / 2
        return right.real, down.real, corner.real, right.imag, down.imag, corner.imag

    def to_photo(self, points: Points) -> Points:
        """Points of the network's input, (n, 2), as pixels of the photo."""
        a, b, x, d, e, y = self.matrix()
        return points @ np.array([(a, d), (b, e)]) + (x, y)


class BodyFinder:
    """Finds the body below a face. Safe for several threads; a call uses one."""

    def __init__(self, network: bytes) -> None:
        """ValueError if the network can't be loaded."""
        self._session = session(network)

    @classmethod
    def shipped(cls) -> Self:
        """The network that comes with the worker. InvalidModel if its file is missing or has another digest."""
        try:
            network = POSE.read_bytes()
        except OSError as error:
            raise InvalidModel(
                f"{POSE}: the network for bodies can't be read ({error.strerror}); no recipe that looks for people is "
                "loaded. Install the worker again."
            ) from None
        if (digest := hashlib.sha256(network).hexdigest()) != POSE_SHA256:
            raise InvalidModel(
                f"{POSE}: the network for bodies has SHA-256 {digest}, not {POSE_SHA256}; no recipe that looks for "
                "people is loaded. Install the worker again."
            )
        return cls(network)

    def find(self, image: Image, face: Face) -> Body | None:
        """The body of a face; None where the network sees none. InvalidOutput if it answers NaN or infinity."""
        frame = first_frame(face)
        points, _, presence = self._look(image, frame)
        if presence >= LEAST:  # what the first look guessed, the second corrects; a third would change little
            frame = next_frame(frame, points)
            points, seen, presence = self._look(image, frame)
            body = Body(frame.to_photo(points[:POINTS]), seen[:POINTS])
            if presence >= LEAST and belongs(body, face):
                return body
        return None

    def _look(self, image: Image, frame: Frame) -> tuple[Points, NDArray[np.float64], float]:
        tensor = cut(image, frame).transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        [[landmarks], [[presence]]] = self._session.run(["landmarks", "presence"], {"input": tensor})
        if not (np.isfinite(landmarks).all() and np.isfinite(presence)):
            raise InvalidOutput("the network for bodies answers NaN or infinity; the photo gets no answer from it")
        rows = landmarks.reshape(-1, 5).astype(np.float64)
        return rows[:, :2], _sigmoid(rows[:, 3]), float(presence)


def belongs(body: Body, face: Face) -> bool:
    """Whether a body has its nose in the face, or near: with several people a square may show another's body."""
    x0, y0, x1, y1 = face.corners
    wide, tall = NEAR * (x1 - x0), NEAR * (y1 - y0)
    x, y = body.points[NOSE]
    return bool(x0 - wide <= x <= x1 + wide and y0 - tall <= y <= y1 + tall)


def first_frame(face: Face) -> Frame:
    """Where a grown person's body is, if that person stands upright below the face."""
    x0, y0, x1, y1 = face.corners
    tall = y1 - y0
    return Frame(complex((x0 + x1) / 2, (y0 + y1) / 2 + BELOW * tall), complex(0, -BODY * ROOM * tall))


def next_frame(frame: Frame, points: Points) -> Frame:
    """Where the network says that the body is, turned so that it stands upright."""
    (x, y), (u, v) = frame.to_photo(points[[MIDDLE, REACH]])
    middle, reach = complex(x, y), complex(u, v)
    return Frame(middle, (reach - middle) * ROOM) if abs(reach - middle) >= 1 else frame


def cut(image: Image, frame: Frame) -> Image:
    """The frame at the network's size; outside the photo it is black."""
    height, width = image.shape[:2]
    shrink = max(1.0, 2 * abs(frame.up) / SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = Pillow.fromarray(image)
    if shrink > 1:  # first smaller: bilinear sampling alone would skip pixels
        small = small.resize(size, Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    fx, fy = small.width / width, small.height / height
    a, b, x, d, e, y = frame.matrix()
    matrix = (a * fx, b * fx, x * fx, d * fy, e * fy, y * fy)
    return np.asarray(small.transform((SIDE, SIDE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR))


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))
