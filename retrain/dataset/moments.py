"""Moments: photos that follow one another at a kiosk show the same customer, so they go into the same split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from contracts.names import Reference, image_id_time
from retrain.bucket import Tree
from retrain.dataset.photos import Split

# At noon a queue makes one chain of a hundred customers, and one golden photo would take them all out of training. No
# customer stands there for so long; and a minute of a kiosk is never cut in two.
LONGEST: Final = timedelta(minutes=5)


def moments(references: Iterable[Reference], *, apart_s: float) -> dict[Reference, Reference]:
    """Each photo's moment, named by its first photo: a chain of one kiosk's photos, each within `apart_s` of the next.

    A chain that has lasted LONGEST ends with its minute by the clock. A photo whose id holds no time is a moment of
    its own.
    """
    apart = timedelta(seconds=apart_s)
    found = {}
    for _, group in groupby(sorted(references), key=lambda one: one.kiosk_id):
        first: Reference | None = None
        began: datetime | None = None
        last: datetime | None = None
        for reference in group:  # ids of one kiosk sort by time
            taken = image_id_time(reference.image_id)
            if first is None or began is None or last is None or taken is None or _ends(began, last, taken, apart):
                first, began = reference, taken
            last = taken
            found[reference] = first
    return found


def _ends(began: datetime, last: datetime, taken: datetime, apart: timedelta) -> bool:
    """Whether a photo of `taken` is no more of the chain that `began` then and whose `last` photo that was."""
    return taken - last > apart or (taken - began >= LONGEST and _minute(taken) != _minute(last))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def splits(
    listed: Mapping[Reference, Tree],
    *,
    apart_s: float,
    val_share: float,
    seed: int,
    earlier: Mapping[Reference, Split],
) -> dict[Reference, Split]:
    """The split of each photo's moment: golden where a person judged one of its photos so; otherwise what it was in
    `earlier`, or drawn by its name.

    What was val once stays val, as photos are added: a model must not be stopped and calibrated on what it has learned.
    """
    moment_of = moments(listed, apart_s=apart_s)
    known: dict[Reference, Split] = {}
    for reference, moment in moment_of.items():
        was = Split.GOLDEN if listed[reference] is Tree.GOLDEN else earlier.get(reference)
        # Moments that grew together take the more careful of their splits. A photo that was golden, and is not
        # listed as such any more, says nothing.
        if was is Split.GOLDEN and listed[reference] is not Tree.GOLDEN:
            was = None
        if was is not None and _CARE[was] > _CARE.get(known.get(moment), -1):
            known[moment] = was
    return {
        reference: known.get(moment) or (Split.VAL if share(seed, moment) < val_share else Split.TRAIN)
        for reference, moment in moment_of.items()
    }


_CARE: dict[Split | None, int] = {Split.TRAIN: 0, Split.VAL: 1, Split.GOLDEN: 2}


def share(seed: int, reference: Reference) -> float:
    """A number from 0 to 1 that is this photo's for good, and even over photos: a draw without a die."""
    return int.from_bytes(hashlib.sha256(f"{seed} {reference}".encode()).digest()[:7]) / (1 << 56)
