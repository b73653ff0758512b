"""Which photos of a split are learned from when there are more than one training should see.

The rare label is what the kiosk is for: what is dropped is what there is most of, a model's labels before a person's,
and no new photo with an elder unless those alone are too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from contracts.labels import LABELS, Label
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.dataset.photos import DatasetPhoto, ExclusionReason
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.splits import share

Dropped = list[tuple[DatasetPhoto, ExclusionReason]]

_ELDERS = frozenset({Label.ELDER_MALE, Label.ELDER_FEMALE})


def choose_train(
    photos: Sequence[DatasetPhoto], new: frozenset[Reference], settings: DatasetSettings, *, room: int
) -> tuple[list[DatasetPhoto], Dropped]:
    """The photos to train on. New ones go in front, and the old ones fill up: replay, lest the network forget."""
    order = sorted(photos, key=lambda photo: (_rank(photo, new), share(settings.seed, photo.reference)))
    kept, dropped = _capped(order, new, settings)
    kept, too_empty = _with_few_empty(kept, settings.nobody_share)
    fresh = [photo for photo in kept if photo.reference in new]
    old = [photo for photo in kept if photo.reference not in new]
    old_room = max(room - len(fresh), min(len(old), round(settings.replay_share * room)))
    replayed = _evenly(old, old_room)
    elders = [photo for photo in fresh if photo.labels & _ELDERS]
    others = [photo for photo in fresh if not photo.labels & _ELDERS]
    learned = [*elders, *_evenly(others, room - len(replayed) - len(elders))][: room - len(replayed)]
    chosen = replayed + learned
    return chosen, dropped + too_empty + _missing(kept, chosen)


def choose_val(
    photos: Sequence[DatasetPhoto], settings: DatasetSettings, *, room: int
) -> tuple[list[DatasetPhoto], Dropped]:
    """The photos to stop and to calibrate by: as the shops are, without a cap by label, up to so many."""
    order = sorted(photos, key=lambda photo: share(settings.seed, photo.reference))
    kept, too_empty = _with_few_empty(order, settings.nobody_share)
    chosen = kept[:room]
    return chosen, too_empty + _missing(kept, chosen)


def cap_of(photos: Iterable[DatasetPhoto], settings: DatasetSettings) -> int:
    """How many people of one label train may hold before photos are dropped for it."""
    there = _people(photos)
    return max(settings.least_per_label, int(settings.most_per_label * min(there.values(), default=0)))


def _rank(photo: DatasetPhoto, new: frozenset[Reference]) -> int:
    """0 stays whatever happens; the others are taken in this order."""
    is_new = photo.reference in new
    if is_new and photo.labels & _ELDERS:
        return 0
    if photo.source is Tree.REVIEWED:
        return 1 if is_new else 2
    return 3 if is_new else 4


def _capped(
    order: Sequence[DatasetPhoto], new: frozenset[Reference], settings: DatasetSettings
) -> tuple[list[DatasetPhoto], Dropped]:
    """Without those of whose every label there is enough."""
    cap = cap_of(order, settings)
    have: Counter[Label] = Counter()
    kept: list[DatasetPhoto] = []
    dropped: Dropped = []
    for photo in order:
        if not photo.people or _rank(photo, new) == 0 or any(have[label] < cap for label in photo.labels):
            kept.append(photo)
            have.update(label for label, _ in photo.people)
        else:
            dropped.append((photo, ExclusionReason.OVER_CAP))
    return kept, dropped


def _with_few_empty(order: Sequence[DatasetPhoto], most_share: float) -> tuple[list[DatasetPhoto], Dropped]:
    """Pictures without people teach what is no person; more than a few, and the network learns to see none."""
    with_people = sum(bool(photo.people) for photo in order)
    room = int(with_people * most_share / (1 - most_share))
    empty = [photo for photo in order if not photo.people]
    dropped = set(empty[room:])
    return [photo for photo in order if photo not in dropped], [
        (photo, ExclusionReason.NOBODY) for photo in empty[room:]
    ]


def _evenly(order: Sequence[DatasetPhoto], room: int) -> list[DatasetPhoto]:
    """So many of them: in turn one of each group, a photo being of the group of its rarest label."""
    if len(order) <= room:
        return list(order)
    there = _people(order)
    groups: dict[Label | None, list[DatasetPhoto]] = {label: [] for label in (*LABELS, None)}
    for photo in order:
        groups[min(photo.labels, key=lambda label: (there[label], label), default=None)].append(photo)
    rounds = zip_longest(*groups.values())
    return [photo for turn in rounds for photo in turn if photo is not None][: max(room, 0)]


def _people(photos: Iterable[DatasetPhoto]) -> Counter[Label]:
    return Counter(label for photo in photos for label, _ in photo.people)


def _missing(kept: Sequence[DatasetPhoto], chosen: Sequence[DatasetPhoto]) -> Dropped:
    there = {photo.reference for photo in chosen}
    return [(photo, ExclusionReason.OVER_MOST_IMAGES) for photo in kept if photo.reference not in there]
