"""The port to the model: images → subjects. Only the code behind it knows a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contracts.messages import Model

Image = NDArray[np.uint8]  # (height, width, 3), RGB, upright, C-contiguous


class ImageModel(Protocol):
    """A loaded model of any recipe. `detect` may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """Name, version and digest for the messages."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Any]]:
        """The subjects in each image, in any order: what a recipe's task (worker/photos/task.py) understands."""
        ...
