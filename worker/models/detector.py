"""The port to the model: images → people. Only the code behind it knows a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contracts.messages import Model, Person

Image = NDArray[np.uint8]  # (height, width, 3), RGB, upright, C-contiguous


class Detector(Protocol):
    """A loaded model. `detect` may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """Name, version and digest for the messages."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image, in any order; `box` is the head, `confidence` is calibrated."""
        ...
