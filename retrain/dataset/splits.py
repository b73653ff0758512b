"""The split of each photo: all photos of a burst go into the same one, to prevent leakage between train and golden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contracts.formulas.draws import stable_draw
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.bursts import burst_of
from retrain.dataset.photos import Split

_PRECEDENCE: Final = (Split.TRAIN, Split.VAL, Split.GOLDEN)  # the last is the highest


def splits(
    listed: Mapping[Reference, Tree], *, apart_s: float, val_share: float, seed: int, earlier: Mapping[Reference, Split]
) -> dict[Reference, Split]:
    """The split of each photo, by its burst: golden if a photo of the burst is; else as in `earlier`; else by a draw.

    A val photo stays val as photos are added: early stopping and calibration must not use photos that were learned.
    """
    burst = burst_of(listed, apart_s=apart_s)
    known: dict[Reference, Split] = {}
    for reference, first in burst.items():
        golden = listed[reference] is Tree.GOLDEN
        split = Split.GOLDEN if golden else earlier.get(reference)
        # Bursts that have merged take the split of highest precedence. A photo that was golden, and is not listed as
        # such any more, doesn't count.
        if split is not None and (golden or split is not Split.GOLDEN):
            known[first] = max(split, known.get(first, split), key=_PRECEDENCE.index)
    return {
        reference: known.get(first) or (Split.VAL if share(seed, first) < val_share else Split.TRAIN)
        for reference, first in burst.items()
    }


def share(seed: int, reference: Reference) -> float:
    """A number from 0 up to 1, uniform over photos; the same photo and seed always give the same number."""
    return stable_draw(f"{seed} {reference}")
