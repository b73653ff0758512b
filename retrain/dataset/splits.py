"""The split of each photo: all photos of a burst go into the same one, to prevent leakage between train and golden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contracts.formulas.draws import stable_draw
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.bursts import burst_of
from retrain.dataset.photos import Split

_PRECEDENCE: Final[Mapping[Split | None, int]] = {Split.TRAIN: 0, Split.VAL: 1, Split.GOLDEN: 2}


def splits(
    listed: Mapping[Reference, Tree],
    *,
    apart_s: float,
    val_share: float,
    seed: int,
    earlier: Mapping[Reference, Split],
) -> dict[Reference, Split]:
    """The split of each photo, by its burst: golden if a photo of the burst is; else as in `earlier`; else by a draw.

    A val photo stays val as photos are added: early stopping and calibration must not use photos that were learned.
    """
    burst = burst_of(listed, apart_s=apart_s)
    known: dict[Reference, Split] = {}
    for reference, first in burst.items():
        split = Split.GOLDEN if listed[reference] is Tree.GOLDEN else earlier.get(reference)
        # Bursts that have merged take the split of highest precedence. A photo that was golden, and is not listed as
        # such any more, doesn't count.
        if split is Split.GOLDEN and listed[reference] is not Tree.GOLDEN:
            split = None
        if split is not None and _PRECEDENCE[split] > _PRECEDENCE.get(known.get(first), -1):
            known[first] = split
    return {
        reference: known.get(first) or (Split.VAL if share(seed, first) < val_share else Split.TRAIN)
        for reference, first in burst.items()
    }


def share(seed: int, reference: Reference) -> float:
    """A number from 0 up to 1, uniform over photos; the same photo and seed always give the same number."""
    return stable_draw(f"{seed} {reference}")
