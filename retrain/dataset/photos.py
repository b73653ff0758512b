"""A photo that may enter a dataset, its split, and the reasons for excluding a photo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.boxes import LabelledBox
from contracts.names import Reference
from retrain.bucket import Tree


class Split(StrEnum):
    """The part of a dataset that a photo belongs to."""

    TRAIN = "train"
    VAL = "val"  # for early stopping and calibration
    GOLDEN = "golden"  # for judging; never learned from


class ExclusionReason(StrEnum):
    """Why a photo is in no split."""

    GONE = "gone"
    CANNOT_TELL = "cannot_tell"
    BAD_LABELS = "bad_labels"
    UNREADABLE = "unreadable"
    MOMENT_OF_GOLDEN = "moment_of_golden"
    OUTLIER = "outlier"
    DUPLICATE = "duplicate"
    OVER_CAP = "over_cap"
    NOBODY = "nobody"
    OVER_MOST_IMAGES = "over_most_images"
    SUSPECT = "suspect"
    BELOW_LABEL_GATE = "below_label_gate"
    UNSUPPORTED = "unsupported"


# The reasons of photos that were never read: nothing is known about them.
UNREAD: Final = frozenset({ExclusionReason.GONE, ExclusionReason.BAD_LABELS, ExclusionReason.UNREADABLE})

# Shown on the page and in the terminal.
REASONS: Final[dict[ExclusionReason, str]] = {
    ExclusionReason.GONE: "deleted or changed while the dataset was built",
    ExclusionReason.CANNOT_TELL: "a person checked it, and could not tell the label",
    ExclusionReason.BAD_LABELS: "the label file is invalid",
    ExclusionReason.UNREADABLE: "the picture can't be read",
    ExclusionReason.MOMENT_OF_GOLDEN: "taken within the same minute as a golden photo: excluded to prevent leakage",
    ExclusionReason.OUTLIER: "a box or a picture failed a sanity check",
    ExclusionReason.DUPLICATE: "a near-duplicate is in the dataset already",
    ExclusionReason.OVER_CAP: "there are enough people of this label",
    ExclusionReason.NOBODY: "there are enough pictures without people",
    ExclusionReason.OVER_MOST_IMAGES: "more pictures than the limit of one training",
    ExclusionReason.SUSPECT: "possible label error: the teacher contradicts the label, and no person has checked it",
    ExclusionReason.BELOW_LABEL_GATE: "people found the model's label too often wrong, and its confidence is too low",
    ExclusionReason.UNSUPPORTED: "too many labels of the model for each one that a person has checked",
}


@dataclass(frozen=True, slots=True)
class DatasetPhoto:
    """A complete pair. `sha256` and `bytes` are the JPEG's.

    `label_error`: a possible error in its labels, in words, by a sanity check or by the teacher; None without any.
    """

    reference: Reference
    source: Tree
    people: tuple[LabelledBox, ...]
    sha256: str
    bytes: int
    phash: str
    label_error: str | None = None

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(person.label for person in self.people)


@dataclass(frozen=True, slots=True)
class Excluded:
    """A photo that is in no split. `detail` is for people, and may be empty."""

    reference: Reference
    source: Tree
    why: ExclusionReason
    detail: str = ""
