"""The preconditions of a training, checked on its dataset before any GPU starts; and the warnings about a dataset."""

from __future__ import annotations

from contracts.labels import LABELS
from retrain.dataset.manifest import NOBODY, DatasetManifest, counted
from retrain.dataset.photos import UNREAD, Split


def unmet_precondition(manifest: DatasetManifest, *, least_new: int, golden_least: int) -> tuple[str, str] | None:
    """The first unmet rule and its reason; None when all are met.

    `least_new`: minimum number of people in new photos of train and val. `golden_least`: minimum number of people of
    each label in golden; with fewer, a better model can't be distinguished from a lucky one.
    """
    new = counted(item for item in manifest.items if item.new and item.split is not Split.GOLDEN)
    people = sum(new[label] for label in LABELS)
    if people < least_new:
        return "too_few_labels", (
            f"{people} people in new photos since the model in service was trained, duplicates and caps left out, "
            f"fewer than {least_new}; it serves on. More come by themselves, and by review: nunchi review export"
        )
    counts = manifest.counts
    absent = [
        f"{label} in {split}" for split in (Split.TRAIN, Split.VAL) for label in LABELS if not counts[split][label]
    ]
    if absent:
        return "class_missing", (
            f"no {', no '.join(absent)}: a model trained on this would forget them; the one in service serves on. "
            "Review photos of such people, nunchi review export, or import some: nunchi dataset import"
        )
    few = [f"{counts[Split.GOLDEN][label]} {label}" for label in LABELS if counts[Split.GOLDEN][label] < golden_least]
    if few:
        return "golden_too_small", (
            f"the golden set has {', '.join(few)}, and needs {golden_least} of each label to tell a better model from "
            "a lucky one; the one in service serves on. Check photos by hand: nunchi review export, then nunchi review "
            "import --golden-share 1"
        )
    return None


def warnings_of(manifest: DatasetManifest) -> tuple[str, ...]:
    """Warnings for people: labels that are missing or scarce, possible label errors, unreadable photos."""
    warnings = []
    for split, counts in manifest.counts.items():
        minimum = 50 if split == Split.TRAIN else 10
        for label in LABELS:
            if not counts[label]:
                warnings.append(f"there is no {label} in {split}")
            elif counts[label] < minimum:
                warnings.append(f"there are only {counts[label]} {label} in {split}: figures about them are guesses")
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
