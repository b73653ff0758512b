"""A photo on its way into a dataset, and why one is left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.boxes import Box
from contracts.labels import Label
from contracts.names import Reference
from retrain.bucket import Tree


class Split(StrEnum):
    """What a photo is for."""

    TRAIN = "train"
    VAL = "val"  # when to stop, and what confidences mean
    GOLDEN = "golden"  # the judge's; never learned from


class ExclusionReason(StrEnum):
    """Why a photo is in none of the splits."""

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


# For people: what stands in the page and in the terminal.
REASONS: dict[ExclusionReason, str] = {
    ExclusionReason.GONE: "deleted, or changed, while the dataset was built",
    ExclusionReason.CANNOT_TELL: "a person looked, and could not tell who is there",
    ExclusionReason.BAD_LABELS: "the label file is none",
    ExclusionReason.UNREADABLE: "the picture can't be read",
    ExclusionReason.MOMENT_OF_GOLDEN: "taken within the same minute as a golden photo: excluded to prevent leakage",
    ExclusionReason.OUTLIER: "a box or a picture of a form that nobody has",
    ExclusionReason.DUPLICATE: "nearly the same picture is in the dataset already",
    ExclusionReason.OVER_CAP: "there are enough of this label",
    ExclusionReason.NOBODY: "there are enough pictures without people",
    ExclusionReason.OVER_MOST_IMAGES: "more pictures than one training is to see",
    ExclusionReason.SUSPECT: "the teacher contradicts the label, and no person has looked",
}


@dataclass(frozen=True, slots=True)
class DatasetPhoto:
    """A whole pair. `size` is width and height in pixels; `odd` says what is strange about its boxes, None nothing."""

    reference: Reference
    source: Tree
    people: tuple[tuple[Label, Box], ...]
    size: tuple[int, int]
    sha256: str
    bytes: int
    phash: str
    odd: str | None = None

    @property
    def labels(self) -> frozenset[Label]:
        return frozenset(label for label, _ in self.people)


@dataclass(frozen=True, slots=True)
class Excluded:
    """A photo that is in no split. `detail` is for people, and may be empty."""

    reference: Reference
    source: Tree
    why: ExclusionReason
    detail: str = ""
