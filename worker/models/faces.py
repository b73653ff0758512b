"""Face detection with BlazeFace.

BlazeFace (full range) looks at a square of 192 x 192 pixels, and finds heads from about a ninth of its side to most of
it. So the finder looks at several squares of a photo: the whole photo; three of its short side, for people further
away; if nobody was found, the whole photo with a border, for a face that fills it, and fifteen small squares. A face
that several squares show is one face: overlapping boxes are merged by non-maximum suppression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from contracts.boxes import Box, Corners
from worker.models.boxes import InvalidOutput
from worker.models.detector import Image
from worker.models.onnx_runtime import Floats, session

Points = NDArray[np.float64]  # (n, 2), x and y

SIDE: Final = 192  # pixels of the network's input
CELLS: Final = 48  # one anchor in the centre of each cell of a grid
ANCHORS: Final = np.stack(np.meshgrid(*[(np.arange(CELLS) + 0.5) / CELLS] * 2), axis=-1).reshape(-1, 2)
MIN_FACE: Final = 4.0  # pixels
MIN_SIDE: Final = 32  # pixels; in a smaller photo any blotch may look like a face
ALWAYS: Final = 2  # passes that run whether or not a face was found: near people, and those behind them
MAX_LENGTH: Final = 12  # sides of a square; a longer strip is no photo of a customer, and gets the other passes
SECOND_LOOK: Final = 3.0  # the side of its square, in sizes of the face
MAX_OVERLAP: Final = 0.3  # intersection over union of two faces
MAX_COVERED: Final = 0.6  # of the smaller box: a part of a face that the edge of a square cut off


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """One run of the detector: squares of the photo's short side divided by `divisor`, in rows and columns.

    `divisor` 0 is one square around the whole photo, widened by `border` of its long side at each side.
    """

    divisor: int
    border: float

    def __post_init__(self) -> None:
        if not (isinstance(self.divisor, int) and 0 <= self.divisor <= 4 and 0 <= self.border <= 2):
            raise ValueError(f"{self} is no pass: divisor is a whole number from 0 to 4, border is from 0 to 2")


@dataclass(frozen=True, slots=True)
class Face:
    """A face from the forehead to the chin: pixels of the photo, may be partly outside it."""

    corners: Corners
    landmarks: tuple[tuple[float, float], ...]  # the person's right eye, left eye, nose, mouth; pixels
    score: float  # 0-1, not calibrated

    @property
    def plausible(self) -> bool:
        """Whether the box has a size, and no landmark is further outside than that."""
        x0, y0, x1, y1 = self.corners
        wide, tall = x1 - x0, y1 - y0
        return min(wide, tall) >= MIN_FACE and all(
            x0 - wide <= x <= x1 + wide and y0 - tall <= y <= y1 + tall for x, y in self.landmarks
        )

    def head(self, margins: Corners, image: Image) -> Box:
        """The head around the face: wider by `margins` of the face's width or height, clipped to the photo."""
        height, width = image.shape[:2]
        x0, y0, x1, y1 = self.corners
        wide, tall = x1 - x0, y1 - y0
        left, top, right, bottom = margins
        return Box(
            _clipped((x0 - left * wide) / width),
            _clipped((y0 - top * tall) / height),
            _clipped((x1 + right * wide) / width),
            _clipped((y1 + bottom * tall) / height),
        )


@dataclass(frozen=True, slots=True)
class Square:
    """A square part of a photo, pixels; it may reach outside."""

    left: float
    top: float
    side: float

    def cuts(self, corners: Corners, width: int, height: int) -> bool:
        """Whether a face leaves the square at a side where the photo goes on."""
        x0, y0, x1, y1 = corners
        right, bottom = self.left + self.side, self.top + self.side
        return (
            (x0 < self.left and self.left > 0)
            or (y0 < self.top and self.top > 0)
            or (x1 > right and right < width)
            or (y1 > bottom and bottom < height)
        )


class FaceFinder:
    """Finds faces with BlazeFace. Safe for several threads; a call uses one."""

    def __init__(
        self, network: bytes, passes: Sequence[DetectionPass], *, at_least: float, second_look_from: float
    ) -> None:
        """`passes` run until one finds a face; the first two always. ValueError if the network can't be loaded, or a
        number is invalid.

        A face counts from the score `at_least`. One that scores less, from `second_look_from` on, counts if it scores
        `at_least` in a square around it: there it has the size that the network sees best.
        """
        if not 0 < second_look_from <= at_least < 1:
            raise ValueError(f"thresholds {second_look_from} and {at_least} are not in order between 0 and 1")
        if not passes:
            raise ValueError("the face finder has no pass")
        self._passes = tuple(passes)
        self._at_least = at_least
        self._second_look_from = second_look_from
        self._session = session(network)

    def find(self, image: Image) -> list[Face]:
        """The faces in the photo, the surest first. InvalidOutput if the network answers NaN."""
        height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            return []
        faces: list[Face] = []
        done: set[Square] = set()
        for number, each in enumerate(self._passes):
            if faces and number >= ALWAYS:
                break
            for square in squares_of(each, width, height):
                if square not in done:
                    done.add(square)
                    found = merged(self._detect(image, square, self._second_look_from))
                    faces += [sure for face in found if (sure := self._confirmed(image, face)) is not None]
        return merged(faces)

    def _confirmed(self, image: Image, face: Face) -> Face | None:
        """The face, from a second look if the first was unsure; None if that does not confirm it."""
        if face.score >= self._at_least:
            return face
        x0, y0, x1, y1 = face.corners
        side = SECOND_LOOK * max(x1 - x0, y1 - y0)
        square = Square((x0 + x1 - side) / 2, (y0 + y1 - side) / 2, side)
        again = self._detect(image, square, self._at_least)
        return next((other for other in merged(again) if _same(face.corners, other.corners)), None)

    def _detect(self, image: Image, square: Square, at_least: float) -> list[Face]:
        height, width = image.shape[:2]
        tensor = _cut(image, square).transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - 1
        [[raw_boxes], [raw_scores]] = self._session.run(["regressor", "classifier"], {"input": tensor})
        if not (np.isfinite(raw_boxes).all() and np.isfinite(raw_scores).all()):
            raise InvalidOutput("the face finder answers NaN or infinity; the photo gets no label from it")
        scores = _sigmoid(raw_scores[:, 0])
        faces = []
        for index in np.flatnonzero(scores >= at_least):
            face = _decoded(raw_boxes[index], ANCHORS[index], float(scores[index]), square)
            x0, y0, x1, y1 = face.corners
            inside = 0 < (x0 + x1) / 2 < width and 0 < (y0 + y1) / 2 < height
            if inside and face.plausible and not square.cuts(face.corners, width, height):
                faces.append(face)
        return faces


def finder_from_fields(network: bytes, fields: Mapping[str, Any]) -> FaceFinder:
    """The finder of a manifest's `{"passes": [{"divisor", "border"}, …], "at_least", "second_look_from"}`.

    KeyError, TypeError or ValueError if a number is missing or invalid.
    """
    return FaceFinder(
        network,
        [DetectionPass(**each) for each in fields["passes"]],
        at_least=float(fields["at_least"]),
        second_look_from=float(fields["second_look_from"]),
    )


def squares_of(each: DetectionPass, width: int, height: int) -> list[Square]:
    """The squares of a pass; neighbours overlap by a third and more, so that one of them shows a face whole."""
    if each.divisor == 0:
        side = max(width, height) * (1 + 2 * each.border)
        return [Square((width - side) / 2, (height - side) / 2, side)]
    side = min(width, height) / each.divisor
    if max(width, height) > MAX_LENGTH * side:
        return []
    return [Square(left, top, side) for top in _starts(height, side) for left in _starts(width, side)]


def merged(faces: Sequence[Face]) -> list[Face]:
    """The faces without those that a surer one overlaps."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_same(face.corners, other.corners) for other in kept):
            kept.append(face)
    return kept


def _starts(length: int, side: float) -> list[float]:
    """Where squares start along one side of the photo: as few as overlap by at least a third."""
    if length <= side:
        return [(length - side) / 2]
    count = 1 + int(np.ceil((length - side) / (side * 2 / 3) - 1e-9))
    return [float(start) for start in np.linspace(0, length - side, count)]


def _cut(image: Image, square: Square) -> Image:
    """The square at the network's size; outside the photo it is black."""
    height, width = image.shape[:2]
    scale = SIDE / square.side
    left, top = max(0, round(square.left)), max(0, round(square.top))
    right, bottom = min(width, round(square.left + square.side)), min(height, round(square.top + square.side))
    size = _bounded((right - left) * scale), _bounded((bottom - top) * scale)
    small = Pillow.fromarray(image[top:bottom, left:right]).resize(size, Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    x, y = max(0, round((left - square.left) * scale)), max(0, round((top - square.top) * scale))
    x, y = min(x, SIDE - size[0]), min(y, SIDE - size[1])
    canvas[y : y + size[1], x : x + size[0]] = np.asarray(small)
    return canvas


def _bounded(length: float) -> int:
    return min(SIDE, max(1, round(length)))


def _decoded(raw: Floats, anchor: Points, score: float, square: Square) -> Face:
    """A row of the regressor: centre, size, then six points (eyes, nose, mouth, ears), in 1/192 from the anchor."""
    values = raw.astype(np.float64) / SIDE
    origin = np.array((square.left, square.top))
    centre = origin + (values[:2] + anchor) * square.side
    half = values[2:4] * square.side / 2
    points = origin + (values[4:12].reshape(4, 2) + anchor) * square.side
    (x0, y0), (x1, y1) = centre - half, centre + half
    landmarks = tuple((float(x), float(y)) for x, y in points)
    return Face((float(x0), float(y0), float(x1), float(y1)), landmarks, score)


def _same(first: Corners, second: Corners) -> bool:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return False
    shared = width * height
    areas = [(corners[2] - corners[0]) * (corners[3] - corners[1]) for corners in (first, second)]
    return shared > MAX_OVERLAP * (sum(areas) - shared) or shared > MAX_COVERED * min(areas)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))), dtype=np.float32)


def _clipped(fraction: float) -> float:
    return min(1.0, max(0.0, fraction))
