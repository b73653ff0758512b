"""Which photos get human eyes: the unsure, the elders among them first, and a random sample of the sure.

The sample says how true the model's promise is, so chance alone may pick it, and no photo's content.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.draws import stable_draw
from contracts.labels import Label
from contracts.names import Reference
from retrain.bucket import Pair

# How much likelier than others an unsure photo comes early. The weak spot of every model so far is elder women, whom it
# also calls young women: see docs/model-card.md.
_WEIGHTS: Final[Mapping[Label, float]] = {
    Label.ELDER_FEMALE: 4.0,
    Label.ELDER_MALE: 3.0,
    Label.ADULT_FEMALE: 2.0,
    Label.ADULT_MALE: 1.0,
}


@dataclass(frozen=True, slots=True)
class SelectedPhoto:
    """A photo for a person to look at. `sample`: picked by chance among the sure."""

    pair: Pair
    sample: bool


def in_sample(reference: Reference, share: float) -> bool:
    """Whether a sure photo belongs to the random sample of that share: for ever, once it does."""
    return stable_draw("sample", str(reference)) < share


def select(
    unsure: Mapping[Pair, Sequence[Label]], sure: Iterable[Pair], *, sample_share: float, most: int | None
) -> list[SelectedPhoto]:
    """`unsure` photos with the labels that the model would give, and the sample of the `sure`; at most `most`.

    Where not all fit, half the room is the sample's, and what one leaves is the other's. They come mixed, so that
    whoever looks knows of no photo whether the model was sure of it.
    """
    waiting = sorted(unsure, key=lambda pair: _turn(pair.reference, unsure[pair]))
    sample = [pair for pair in sure if in_sample(pair.reference, sample_share)]
    sample.sort(key=lambda pair: stable_draw("sample", str(pair.reference)))
    if most is not None:
        room = max(most // 2, most - len(waiting))
        sample = sample[:room]
        waiting = waiting[: most - len(sample)]
    picked = [SelectedPhoto(pair, False) for pair in waiting] + [SelectedPhoto(pair, True) for pair in sample]
    return sorted(picked, key=lambda one: stable_draw("order", str(one.pair.reference)))


def _turn(reference: Reference, labels: Collection[Label]) -> float:
    """When an unsure photo's turn is: a weighted draw without replacement, from small to large.

    Exponential variates of the weights, as in Efraimidis and Spirakis, Weighted random sampling with a reservoir
    (Information Processing Letters 97, 2006). So a photo of heavy weight is likely early, and one of low weight never
    without a chance.
    """
    weight = max((_WEIGHTS[label] for label in labels), default=1.0)
    return -math.log1p(-stable_draw("unsure", str(reference))) / weight
