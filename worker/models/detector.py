"""The port to the model: photos in, detections out. Everything that knows a network lies behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contracts.boxes import Box
from contracts.labels import Label
from contracts.messages import Model

Image = NDArray[np.uint8]  # (height, width, 3), RGB, upright, C-contiguous


@dataclass(frozen=True, slots=True)
class Detection:
    """One person found.

    `box` is what a YOLO of this project is taught to find: the head. `confidence` is calibrated, 0-1: of the detections
    at 0.95, 95 in 100 have the right label.
    """

    label: Label
    confidence: float
    box: Box


class Detector(Protocol):
    """A loaded model. `detect` may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """Name, version and digest for the messages."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The people in each image, in no promised order; an empty list where there is nobody."""
        ...
