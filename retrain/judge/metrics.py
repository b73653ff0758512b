"""How good, and how sure of it: every measure is computed for the golden photos as they are, and for many redraws.

The bootstrap draws moments (kiosk and minute), not people or photos: what one moment shows is no independent proof.
Both models are measured on the same draws, so that what is hard about a photo is hard for both, and their difference
can be told from noise (a paired bootstrap; Efron and Tibshirani, 1993). A draw is a column of weights, (photos,
draws), and boxes are matched once, not once a draw: libraries for COCO's metric know no weights, which is why it is
written out here. A test holds it against ultralytics' own.

The first column of every `draws` weighs each photo once: the measure itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from contracts.labels import LABELS
from retrain.intervals import SURE, exact, wilson
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import THRESHOLDS, Flags, Floats, GoldenPeople, Places, RankedBoxes

# The recalls at which precision is read, and averaged by trapezoids: ultralytics' definition, nearly COCO's.
_RECALLS: Final = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure and the 95 % interval of it; NaN where there was nothing to measure it on."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Floats) -> Estimate:
        """Of a measure over the draws, (draws,), the first of which is the measure itself."""
        drawn = draws[1:][np.isfinite(draws[1:])]
        low, high = np.percentile(drawn, [50 * (1 - SURE), 50 * (1 + SURE)]) if len(drawn) else (math.nan, math.nan)
        return cls(float(draws[0]), float(low), float(high))

    @classmethod
    def wilson(cls, yes: int, of: int) -> Estimate:
        """A share with an interval to show."""
        return cls(yes / of, *wilson(yes, of)) if of else cls(math.nan, math.nan, math.nan)

    @classmethod
    def exact(cls, yes: int, of: int) -> Estimate:
        """A share with an interval to decide by."""
        return cls(yes / of, *exact(yes, of)) if of else cls(math.nan, math.nan, math.nan)

    def fields(self) -> dict[str, Any]:
        """As JSON has it, which knows no NaN."""
        return {name: rounded(getattr(self, name)) for name in ("value", "low", "high")}


def weights(photos: Sequence[GoldenPhoto], *, draws: int, seed: int) -> Floats:
    """How often each photo counts: (photos, 1 + draws)."""
    names = {moment: place for place, moment in enumerate(dict.fromkeys(photo.moment for photo in photos))}
    moment = np.array([names[photo.moment] for photo in photos])
    chance = np.random.default_rng(seed)
    counts = chance.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return np.concatenate([np.ones((len(photos), 1)), counts[:, moment].T], axis=1).astype(np.float64)


def average_precision(boxes: RankedBoxes, known: GoldenPeople, draws: Floats) -> Floats:
    """AP of each label at each threshold, (labels, thresholds, draws); NaN for labels that nobody in the draw has."""
    ap = np.full((len(LABELS), len(THRESHOLDS), draws.shape[1]), np.nan)
    for label in range(len(LABELS)):
        people = draws[known.photo[known.label == label]].sum(axis=0)
        of_label = boxes.label == label
        for threshold in range(len(THRESHOLDS)):
            drawn = _ap(boxes.photo[of_label], boxes.hit[of_label, threshold], people, draws)
            ap[label, threshold, people > 0] = drawn[people > 0]
    return ap


def mean_over_labels(values: Floats) -> Floats:
    """The mean over the labels that are there, the first axis."""
    there = np.isfinite(values)
    total = np.where(there, values, 0).sum(axis=0)
    return np.asarray(np.divide(total, there.sum(axis=0), out=np.full_like(total, np.nan), where=there.any(axis=0)))


def share_of(flags: Flags, photo: Places, draws: Floats) -> Floats:
    """The share of those flagged, (draws,); NaN where none is drawn."""
    of = draws[photo].sum(axis=0)
    return np.asarray(np.divide(draws[photo[flags]].sum(axis=0), of, out=np.full_like(of, np.nan), where=of > 0))


def share_below_0(draws: Floats) -> float:
    """In how many of the redraws a difference is a loss, (draws,), the first of which is the measure itself."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    return float((drawn < 0).mean()) if len(drawn) else math.nan


def _ap(photo: Places, hit: Flags, people: Floats, draws: Floats) -> Floats:
    """The AP of one label at one threshold, (draws,), of its boxes in order.

    Precision rises at a hit and falls at a miss, so its envelope changes at hits alone: between two of them it is that
    of the later. Hence only the hits are gone through, with the weight of the misses before each.
    """
    hits = np.flatnonzero(hit)
    if not len(hits):
        return np.zeros(draws.shape[1])
    before = np.cumsum(hit)[~hit]  # of each miss: how many hits were before it
    misses = np.zeros((len(hits), len(draws)))
    counted = before < len(hits)
    np.add.at(misses, (before[counted], photo[~hit][counted]), 1)
    wrong = (misses @ draws).cumsum(axis=0)
    right = draws[photo[hits]].cumsum(axis=0)
    said = right + wrong
    precision = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    recall = np.divide(right, people, out=np.zeros_like(right), where=people > 0)
    # For all draws at once: how many hits lie at or below each recall that is read, (draws, recalls).
    columns, count = draws.shape[1], len(_RECALLS)
    first = np.searchsorted(_RECALLS, recall.T) + np.arange(columns)[:, None] * (count + 1)
    at = np.bincount(first.ravel(), minlength=columns * (count + 1)).reshape(columns, count + 1)
    reached = at[:, :count].cumsum(axis=1)
    # Beyond the last recall that a draw reaches, precision is 0.
    read = np.take_along_axis(np.concatenate([envelope.T, np.zeros((columns, 1))], axis=1), reached, axis=1)
    return np.asarray((read[:, 1:] + read[:, :-1]).sum(axis=1) * 0.5 * (_RECALLS[1] - _RECALLS[0]))


def rounded(value: float) -> float | None:
    """As JSON has a measure: six decimals, and null for what there is none of."""
    return round(value, 6) if math.isfinite(value) else None
