"""Class balance of train and val: caps by label, pictures without people, replay of old photos, and the maximum size.

A recipe depends on its rare classes. So photos of the most frequent label are dropped first, a model's labels before a
person's, and new photos with one of them only if those alone are too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from contracts.classes import Classes
from contracts.names import Reference
from recipes.detects import Detects
from retrain.bucket import Tree
from retrain.dataset.photos import DatasetPhoto, ExclusionReason
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.splits import share

Dropped = list[tuple[DatasetPhoto, ExclusionReason]]


def choose_train(
    photos: Sequence[DatasetPhoto], new: frozenset[Reference], settings: DatasetSettings, detects: Detects, *, room: int
) -> tuple[list[DatasetPhoto], Dropped]:
    """The photos to train on, at most `room`: new ones, and old ones as replay, so that the network doesn't forget."""
    order = sorted(photos, key=lambda photo: (_rank(photo, new, detects.rare), share(settings.seed, photo.reference)))
    kept, dropped = _capped(order, new, settings, detects.rare)
    kept, too_empty = _with_few_empty(kept, settings.nobody_share)
    fresh = [photo for photo in kept if photo.reference in new]
    old = [photo for photo in kept if photo.reference not in new]
    old_room = max(room - len(fresh), min(len(old), round(settings.replay_share * room)))
    replayed = _evenly(old, old_room, detects.classes)
    rare = [photo for photo in fresh if photo.labels & detects.rare]
    others = [photo for photo in fresh if not photo.labels & detects.rare]
    learned = [*rare, *_evenly(others, room - len(replayed) - len(rare), detects.classes)][: room - len(replayed)]
    chosen = replayed + learned
    return chosen, dropped + too_empty + _missing(kept, chosen)


def supported_by_checks(
    photos: Iterable[DatasetPhoto], train: Sequence[DatasetPhoto], settings: DatasetSettings, classes: Classes
) -> tuple[list[DatasetPhoto], Dropped]:
    """The photos of `train`, without the auto photos of a label that grows beyond what a person has checked of it.

    Checked are the reviewed and golden people among all `photos`. A label must not grow by a model's labels alone: its
    mistakes would grow with it.
    """
    checked = _people(photo for photo in photos if photo.source is not Tree.AUTO)
    most: dict[str, int] = {
        label: max(settings.least_auto_per_label, int(settings.most_auto_per_checked * checked[label]))
        for label in classes
    }
    counts: Counter[str] = Counter()
    dropped: Dropped = []
    for photo in sorted(train, key=lambda photo: share(settings.seed, photo.reference)):
        if photo.source is not Tree.AUTO:
            continue
        if any(counts[label] >= most[label] for label in photo.labels):
            dropped.append((photo, ExclusionReason.UNSUPPORTED))
        else:
            counts.update(person.label for person in photo.people)
    references = {photo.reference for photo, _ in dropped}
    return [photo for photo in train if photo.reference not in references], dropped


def choose_val(
    photos: Sequence[DatasetPhoto], settings: DatasetSettings, *, room: int
) -> tuple[list[DatasetPhoto], Dropped]:
    """The photos for early stopping and calibration, at most `room`: without a cap by label, as the shops are."""
    order = sorted(photos, key=lambda photo: share(settings.seed, photo.reference))
    kept, too_empty = _with_few_empty(order, settings.nobody_share)
    chosen = kept[:room]
    return chosen, too_empty + _missing(kept, chosen)


def cap_of(photos: Iterable[DatasetPhoto], settings: DatasetSettings) -> int:
    """The maximum number of people of one label in train; photos of labels above it are dropped."""
    counts = _people(photos)
    return max(settings.least_per_label, int(settings.most_per_label * min(counts.values(), default=0)))


def _rank(photo: DatasetPhoto, new: frozenset[Reference], rare: frozenset[str]) -> int:
    """The order in which photos are kept; rank 0 is exempt from the cap."""
    if photo.reference in new and photo.labels & rare:
        return 0
    return (1 if photo.source is Tree.REVIEWED else 3) + (photo.reference not in new)


def _capped(
    order: Sequence[DatasetPhoto], new: frozenset[Reference], settings: DatasetSettings, rare: frozenset[str]
) -> tuple[list[DatasetPhoto], Dropped]:
    """Drop photos of which every label has reached the cap."""
    cap = cap_of(order, settings)
    counts: Counter[str] = Counter()
    kept: list[DatasetPhoto] = []
    dropped: Dropped = []
    for photo in order:
        if not photo.people or _rank(photo, new, rare) == 0 or any(counts[label] < cap for label in photo.labels):
            kept.append(photo)
            counts.update(person.label for person in photo.people)
        else:
            dropped.append((photo, ExclusionReason.OVER_CAP))
    return kept, dropped


def _with_few_empty(order: Sequence[DatasetPhoto], max_share: float) -> tuple[list[DatasetPhoto], Dropped]:
    """Limit the share of pictures without people: with too many, the network learns to see no person at all."""
    empty = [photo for photo in order if not photo.people]
    dropped = empty[int((len(order) - len(empty)) * max_share / (1 - max_share)) :]
    references = {photo.reference for photo in dropped}
    kept = [photo for photo in order if photo.reference not in references]
    return kept, [(photo, ExclusionReason.NOBODY) for photo in dropped]


def _evenly(order: Sequence[DatasetPhoto], room: int, classes: Classes) -> list[DatasetPhoto]:
    """At most `room` photos, one of each group in turn. A photo's group is its rarest label."""
    if len(order) <= room:
        return list(order)
    counts = _people(order)
    groups: dict[str | None, list[DatasetPhoto]] = {label: [] for label in (*classes, None)}
    for photo in order:
        groups[min(photo.labels, key=lambda label: (counts[label], label), default=None)].append(photo)
    rounds = zip_longest(*groups.values())
    return [photo for group in rounds for photo in group if photo is not None][: max(room, 0)]


def _people(photos: Iterable[DatasetPhoto]) -> Counter[str]:
    return Counter(person.label for photo in photos for person in photo.people)


def _missing(kept: Sequence[DatasetPhoto], chosen: Sequence[DatasetPhoto]) -> Dropped:
    references = {photo.reference for photo in chosen}
    return [(photo, ExclusionReason.OVER_MOST_IMAGES) for photo in kept if photo.reference not in references]
