"""Active learning: selects photos for review, the unsure, the rare and near first, and a random sample of the sure.

Which classes are rare, and what is near a border, the recipe knows (`Detects.weigh`): of the kiosk elders, elder women
most, and a P(elder) near a half.

The sample measures whether the model keeps its promise, so it is drawn at random, independent of a photo's content.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.formulas.draws import stable_draw
from contracts.names import Reference
from retrain.bucket import Pair


@dataclass(frozen=True, slots=True)
class SelectedPhoto:
    """A photo for review. `sample`: it belongs to the random sample of the sure."""

    pair: Pair
    sample: bool


def in_sample(reference: Reference, share: float) -> bool:
    """Whether a sure photo belongs to the random sample of that share. A larger share contains a smaller one."""
    return stable_draw("sample", str(reference)) < share


def select(
    unsure: Mapping[Pair, float], sure: Iterable[Pair], *, sample_share: float, most: int | None
) -> list[SelectedPhoto]:
    """The `unsure` photos, each with its weight, and the sample of the `sure`; at most `most` in all.

    If not all fit, each kind gets half the room, and the room that the other leaves. The order is mixed, so that a
    reviewer can't tell whether the model was sure of a photo.
    """
    waiting = sorted(unsure, key=lambda pair: _draw(pair.reference, unsure[pair]))
    sample = [pair for pair in sure if in_sample(pair.reference, sample_share)]
    sample.sort(key=lambda pair: stable_draw("sample", str(pair.reference)))
    if most is not None:
        room = max(most // 2, most - len(waiting))
        sample = sample[:room]
        waiting = waiting[: most - len(sample)]
    selected = [SelectedPhoto(pair, False) for pair in waiting] + [SelectedPhoto(pair, True) for pair in sample]
    return sorted(selected, key=lambda photo: stable_draw("order", str(photo.pair.reference)))


def _draw(reference: Reference, weight: float) -> float:
    """The sort key of an unsure photo: a weighted draw without replacement, smallest first.

    Exponential variates of the weights, as in Efraimidis and Spirakis, Weighted random sampling with a reservoir
    (Information Processing Letters 97, 2006). A photo of small weight is likely late, but has a chance.
    """
    return -math.log1p(-stable_draw("unsure", str(reference))) / weight
