"""What each photo is for: a moment's photos go into the same split, lest the exam be learned."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from contracts.names import Reference
from retrain.bucket import Tree
from retrain.bursts import burst_of
from retrain.dataset.photos import Split


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
    moment_of = burst_of(listed, apart_s=apart_s)
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
