"""The face finder of the model: its file, its passes and its threshold."""

from __future__ import annotations

from functools import cache
from typing import Final

from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.faces import DetectionPass, FaceFinder

FINDER: Final = DEFAULT_MANIFEST.parent / "blazeface.onnx"
AT_LEAST: Final = 0.5  # the network's own threshold
SECOND_LOOK_FROM: Final = 0.35
PASSES: Final = (
    DetectionPass(0, 0.0),  # the whole photo
    DetectionPass(1, 0.0),  # squares of the short side
    DetectionPass(0, 0.3),  # a face that fills the photo
    DetectionPass(0, 0.8),
    DetectionPass(2, 0.0),  # people far away
)


# Medians over 413 portraits: the boxes of the earlier model's heads, so that datasets stay comparable.
HEAD_MARGINS: Final = (0.235, 0.36, 0.235, 0.11)  # left, top, right, bottom; parts of the face
PADDING: Final = 0.25  # room around the face in a chip, parts of its size


@cache
def face_finder(*, at_least: float = AT_LEAST) -> FaceFinder:
    """The face finder alone."""
    return FaceFinder(FINDER.read_bytes(), PASSES, at_least=at_least, second_look_from=min(at_least, SECOND_LOOK_FROM))
