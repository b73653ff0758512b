"""The port to a recipe's decisions: what was found in a photo → what its message says, and what of it teaches.

Two implementations: `worker/kiosk/decision.py` for the kiosk, whose message knows four labels, and `answering.py` for
every other recipe. Both are pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from contracts.messages import DatasetTree, Model, Reason
from contracts.names import Reference
from worker.messages import Message
from worker.models.detector import Image
from worker.photos.timing import PhotoTimes

PNG: Final = "image/png"
SVG: Final = "image/svg+xml"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture beside an answer: its name in the message, and its content of the type PNG or SVG."""

    name: str
    content: bytes
    type: str = PNG


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The label file that the dataset keeps beside a photo."""

    text: str
    suffix: str


class Decision(Protocol):
    """The decision about one photo."""

    @property
    def training(self) -> DatasetTree:
        """Which tree of the dataset the photo enters."""
        ...

    def to_message(
        self,
        reference: Reference,
        model: Model,
        times: PhotoTimes,
        *,
        step_seconds: Mapping[str, float],
        expires_at: datetime,
    ) -> Message:
        """The message of this decision. `step_seconds`: how long the worker's steps took so far."""
        ...

    def pictures(self, image: Image) -> Iterable[Picture]:
        """The pictures beside the answers, each of another type, drawn from the photo or from the answers."""
        ...


class Task(Protocol):
    """What a worker does with photos. Deterministic: the same photo and subjects always get the same decision."""

    def declined_unseen(self, inputs: Mapping[str, str]) -> Decision | None:
        """The decision about a photo that may not be decoded, by what its device says; None if it may."""
        ...

    def decide(self, reference: Reference, found: Sequence[Any], inputs: Mapping[str, str]) -> Decision:
        """The decision about what the recipe's model found. `inputs`: what the device said about the photo."""
        ...

    def rejected(self, reason: Reason) -> Decision:
        """The decision about an upload that can't be read as a photo."""
        ...

    def label_file(self, message: Message, tree: DatasetTree) -> LabelFile | None:
        """What the dataset keeps in `tree` beside the photo of a stored message.

        None for one that another recipe answered.
        """
        ...


def steps_in_ms(times: PhotoTimes, step_seconds: Mapping[str, float]) -> dict[str, float]:
    """The steps of a message: those before the worker, as far as they are known, and the worker's own."""
    steps_ms = {"upload": times.upload_ms, "dispatch": times.dispatch_ms}
    steps_ms |= {step: 1e3 * seconds for step, seconds in step_seconds.items()}
    return {step: round(ms, 1) for step, ms in steps_ms.items() if ms is not None}
