"""What the messages about photos share, whatever the recipe, and the status messages of workers, as JSON.

The message itself is its recipe's: the kiosk's is `recipes/kiosk/message.py`, that of every other recipe
`answers_message.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from contracts.schema import Record


class Status(StrEnum):
    """The outcome of a kiosk's photo, also the name of a count of the worker's metrics."""

    LABELLED = "labelled"
    NO_PERSON = "no_person"
    UNSURE = "unsure"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a photo has no label. `docs/kiosk-makers.md` says what a kiosk should do about each."""

    NO_FACE_FOUND = "no_face_found"
    LOW_CONFIDENCE = "low_confidence"
    WRONG_SUFFIX = "wrong_suffix"
    EMPTY_FILE = "empty_file"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"


# The steps in `steps_ms`, in the order of the pipeline; later workers may add steps.
STEPS: Final = ("upload", "dispatch", "wait", "fetch", "decode", "infer", "label")


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answered: `digest` is the SHA-256 of its manifest, in hexadecimal."""

    name: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class DatasetTree(StrEnum):
    """The tree of the dataset bucket that holds the photo's training pair, if any."""

    AUTO = "auto"  # every person passed the gate: a training pair
    REVIEW = "review"  # drawn for a person to look at
    NONE = "none"


class WorkerState(StrEnum):
    """The state that a worker publishes on `nunchi/worker/<instance>/status` (retained)."""

    READY = "ready"
    STOPPING = "stopping"
    OFFLINE = "offline"  # its last will: published by the broker when the connection breaks


@dataclass(frozen=True, slots=True)
class WorkerStatus(Record):
    """A worker's status; `since` is the start of the connection that published it."""

    TITLE = "worker's status"

    instance_id: str
    state: WorkerState
    model: Model
    since: datetime
