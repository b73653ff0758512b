"""The preconditions of a training, checked on its dataset before any GPU starts; and the warnings about a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from retrain.dataset.manifest import NOBODY, DatasetManifest, counted
from retrain.dataset.photos import UNREAD, Split

# People of a label, below which a figure about them is a guess.
LEAST_PEOPLE: Final[Mapping[Split, int]] = {Split.TRAIN: 50, Split.VAL: 10, Split.GOLDEN: 10}


def unmet_precondition(manifest: DatasetManifest, *, least_new: int, golden_least: int) -> tuple[str, str] | None:
    """The first unmet rule and its reason; None when all are met.

    `least_new`: minimum number of people in new photos of train and val. `golden_least`: minimum number of people of
    each label in golden; with fewer, a better model can't be distinguished from a lucky one.
    """
    new = counted((item for item in manifest.items if item.new and item.split is not Split.GOLDEN), manifest.classes)
    people = sum(new[label] for label in manifest.classes)
    if people < least_new:
        return "too_few_labels", (
            f"{people} people in new photos since the model in service was trained, duplicates and caps left out, "
            f"fewer than {least_new}; it serves on. More come by themselves, and by review: nunchi review export"
        )
    counts = manifest.counts
    absent = [
        f"{label} in {split}"
        for split in (Split.TRAIN, Split.VAL)
        for label in manifest.classes
        if not counts[split][label]
    ]
    if absent:
        return "class_missing", (
            f"no {', no '.join(absent)}: a model trained on this would forget them; the one in service serves on. "
            "Review photos of such people, nunchi review export, or import some: nunchi dataset import"
        )
    few = [
        f"{counts[Split.GOLDEN][label]} {label}"
        for label in manifest.classes
        if counts[Split.GOLDEN][label] < golden_least
    ]
    if few:
        return "golden_too_small", (
            f"the golden set has {', '.join(few)}, and needs {golden_least} of each label to tell a better model from "
            "a lucky one; the one in service serves on. Check photos by hand: nunchi review export, then nunchi review "
            "import --golden-share 1"
        )
    return None


@dataclass(frozen=True, slots=True)
class Scarce:
    """A label with fewer people in a split than figures about them need."""

    split: Split
    label: str
    people: int

    def __str__(self) -> str:
        if not self.people:
            return f"there is no {self.label} in {self.split}"
        return f"there are only {self.people} {self.label} in {self.split}: figures about them are guesses"


def scarce_labels(manifest: DatasetManifest) -> list[Scarce]:
    """The labels of each split with fewer people than LEAST_PEOPLE."""
    return [
        Scarce(Split(split), label, counts[label])
        for split, counts in manifest.counts.items()
        for label in manifest.classes
        if counts[label] < LEAST_PEOPLE[Split(split)]
    ]


def warnings_of(manifest: DatasetManifest) -> tuple[str, ...]:
    """Warnings for people: labels that are missing or scarce, possible label errors, unreadable photos."""
    warnings = [str(scarce) for scarce in scarce_labels(manifest)]
    if not manifest.counts[Split.TRAIN][NOBODY]:
        warnings.append(
            "there is no picture without people in train: the network may see people in an empty shop, and workers "
            "reject such a model. Import some, with empty label files"
        )
    marked = sum(item.label_error is not None for item in manifest.items)
    if marked:
        warnings.append(f"{marked} photos that a person has checked may have label errors; check them again")
    unread = sum(photo.why in UNREAD for photo in manifest.excluded)
    if unread:
        warnings.append(f"{unread} photos could not be read, and are excluded")
    return tuple(warnings)
