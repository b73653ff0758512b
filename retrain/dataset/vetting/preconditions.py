"""Whether a dataset is worth a training, asked before any GPU starts."""

from __future__ import annotations

from contracts.labels import LABELS
from retrain.dataset.manifest import DatasetManifest, counted
from retrain.dataset.photos import Split


def unmet_precondition(manifest: DatasetManifest, *, least_new: int, golden_least: int) -> tuple[str, str] | None:
    """None, or the rule that says no and its reason.

    `least_new`: people in new photos of train and val. `golden_least`: people of each label in golden; a judge who has
    seen fewer can't tell a better model from a lucky one.
    """
    new = counted(item for item in manifest.items if item.new and item.split is not Split.GOLDEN)
    people = sum(new[label] for label in LABELS)
    if people < least_new:
        reason = (
            f"{people} people in new photos since the model in service was trained, duplicates and caps left out, "
            f"fewer than {least_new}; it serves on. More come by themselves, and by review: nunchi review export"
        )
        return "too_few_labels", reason
    counts = manifest.counts
    absent = [
        f"{label} in {split}" for split in (Split.TRAIN, Split.VAL) for label in LABELS if not counts[split][label]
    ]
    if absent:
        reason = (
            f"no {', no '.join(absent)}: a model trained on this would forget them; the one in service serves on. "
            "Review photos of such people, nunchi review export, or import some: nunchi dataset import"
        )
        return "class_missing", reason
    few = [f"{counts[Split.GOLDEN][label]} {label}" for label in LABELS if counts[Split.GOLDEN][label] < golden_least]
    if few:
        reason = (
            f"the golden set has {', '.join(few)}, and needs {golden_least} of each label to tell a better model from "
            "a lucky one; the one in service serves on. Check photos by "
            "hand: nunchi review export, then nunchi review import --golden-share 1"
        )
        return "golden_too_small", reason
    return None


def warnings_of(manifest: DatasetManifest, *, scarce: int = 50) -> tuple[str, ...]:
    """What a person should know before they train on it: labels that are missing or scarce, too much left out."""
    told = []
    for split, counts in manifest.counts.items():
        least = scarce if split == Split.TRAIN else scarce // 5
        for label in LABELS:
            if not counts[label]:
                told.append(f"there is no {label} in {split}")
            elif counts[label] < least:
                told.append(f"there are only {counts[label]} {label} in {split}: figures about them are guesses")
    if not manifest.counts[Split.TRAIN]["nobody"]:
        told.append(
            "there is no picture of nobody in train: a network that never saw an empty shop may see people in it, and "
            "no worker takes such a one. Import some, with empty label files"
        )
    suspects = sum(item.suspect is not None for item in manifest.items)
    if suspects:
        told.append(f"{suspects} photos that a person has checked look wrong; look at them once more")
    broken = sum(one.why in {"gone", "bad_labels", "unreadable"} for one in manifest.left_out)
    if broken:
        told.append(f"{broken} photos could not be read, and are left out")
    return tuple(told)
