"""The port to a model of the kiosk's recipe: images → people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from contracts.messages import Model
from recipes.kiosk.message import Person
from worker.models.detector import Image


class Detector(Protocol):
    """A loaded model that detects people. `detect` may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """Name, version and digest for the messages."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image, in any order; `box` is the head, `confidence` is calibrated."""
        ...
