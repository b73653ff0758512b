"""Active learning: selects photos for review, the unsure, the rare and near first, and a random sample of the sure.

Rare are elders, elder women most; near is a P(elder) near the border between elder and adult.

The sample measures whether the model keeps its promise, so it is drawn at random, independent of a photo's content.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.formulas.draws import stable_draw
from contracts.names import Reference
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label
from retrain.bucket import Pair

# The weights of the draw that orders photos for review, by label. The rare ones teach most, and the first day-0 model
# labelled elder women adult: decision 22.
_WEIGHTS: Final[Mapping[str, float]] = {
    Label.ELDER_FEMALE: 4.0,
    Label.ELDER_MALE: 3.0,
    Label.ADULT_FEMALE: 2.0,
    Label.ADULT_MALE: 1.0,
}
_BORDER: Final = 1.0  # a person on the border weighs twice as much as one far from it


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
    """The `unsure` photos, each with its `weight`, and the sample of the `sure`; at most `most` in all.

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


def weight(people: Iterable[tuple[str, Answers | None]]) -> float:
    """The weight of a photo: that of its heaviest person, by their answers, or by the label without any."""
    return max((_weight(label, answers) for label, answers in people), default=1.0)


def _weight(label: str, answers: Answers | None) -> float:
    """The expected weight of the person's true label, and more the nearer P(elder) is to a half."""
    if answers is None:
        return _WEIGHTS[label]
    elder, female = answers.elder, answers.female
    rare = sum(
        (elder if is_elder else 1 - elder)
        * (female if is_female else 1 - female)
        * _WEIGHTS[Label.of(elder=is_elder, female=is_female)]
        for is_elder in (True, False)
        for is_female in (True, False)
    )
    return rare * (1 + _BORDER * 4 * elder * (1 - elder))


def _draw(reference: Reference, weight: float) -> float:
    """The sort key of an unsure photo: a weighted draw without replacement, smallest first.

    Exponential variates of the weights, as in Efraimidis and Spirakis, Weighted random sampling with a reservoir
    (Information Processing Letters 97, 2006). A photo of small weight is likely late, but has a chance.
    """
    return -math.log1p(-stable_draw("unsure", str(reference))) / weight
