"""Metrics with bootstrap confidence intervals: each is computed on the golden photos, and on many draws of them.

The bootstrap draws moments (kiosk and minute), not people or photos, which are not independent within a moment. Both
models are measured on the same draws, so that a hard photo is hard for both (a paired bootstrap; Efron and Tibshirani,
1993). A draw is a column of weights, (photos, draws), and boxes are matched once, not once a draw. Libraries for
COCO's metric do not support weights, so it is implemented here; a test compares it with ultralytics' own.

The first column of every `draws` weighs each photo once: the metric itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from contracts.classes import Classes
from retrain.intervals import CONFIDENCE_LEVEL, exact, wilson
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import THRESHOLDS, Flags, Floats, GoldenPeople, Places, RankedBoxes

# The recalls at which precision is interpolated, and integrated by trapezoids: as in ultralytics, and nearly in COCO.
_RECALLS: Final = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its 95 % interval; NaN without samples."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Floats) -> Estimate:
        """Of a metric over the draws, (draws,), the first of which is the metric itself."""
        drawn = draws[1:][np.isfinite(draws[1:])]
        low, high = (
            np.percentile(drawn, [50 * (1 - CONFIDENCE_LEVEL), 50 * (1 + CONFIDENCE_LEVEL)])
            if len(drawn)
            else (math.nan, math.nan)
        )
        return cls(float(draws[0]), float(low), float(high))

    @classmethod
    def wilson(cls, count: int, total: int) -> Estimate:
        """A share with an interval for display."""
        return cls(count / total, *wilson(count, total)) if total else cls(math.nan, math.nan, math.nan)

    @classmethod
    def exact(cls, count: int, total: int) -> Estimate:
        """A share with an interval for decisions."""
        return cls(count / total, *exact(count, total)) if total else cls(math.nan, math.nan, math.nan)

    def fields(self) -> dict[str, Any]:
        """As JSON, with null for NaN."""
        return {name: rounded(getattr(self, name)) for name in ("value", "low", "high")}


def bootstrap_weights(photos: Sequence[GoldenPhoto], *, draws: int, seed: int) -> Floats:
    """How often each photo is drawn: (photos, 1 + draws)."""
    names = {moment: place for place, moment in enumerate(dict.fromkeys(photo.moment for photo in photos))}
    moment = np.array([names[photo.moment] for photo in photos])
    counts = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return np.concatenate([np.ones((len(photos), 1)), counts[:, moment].T], axis=1).astype(np.float64)


def average_precision(boxes: RankedBoxes, known: GoldenPeople, draws: Floats, classes: Classes) -> Floats:
    """AP of each label at each threshold, (labels, thresholds, draws); NaN for labels without people in the draw."""
    ap = np.full((len(classes), len(THRESHOLDS), draws.shape[1]), np.nan)
    for label in range(len(classes)):
        people = draws[known.photo[known.label == label]].sum(axis=0)
        of_label = boxes.label == label
        for threshold in range(len(THRESHOLDS)):
            drawn = _ap(boxes.photo[of_label], boxes.hit[of_label, threshold], people, draws)
            ap[label, threshold, people > 0] = drawn[people > 0]
    return ap


def mean_over_labels(values: Floats) -> Floats:
    """The mean over the first axis, the labels, without NaN."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0).sum(axis=0)
    return np.asarray(np.divide(total, finite.sum(axis=0), out=np.full_like(total, np.nan), where=finite.any(axis=0)))


def share_of(flags: Flags, photo: Places, draws: Floats) -> Floats:
    """The share of flagged items, (draws,); NaN in draws without items."""
    total = draws[photo].sum(axis=0)
    flagged = draws[photo[flags]].sum(axis=0)
    return np.asarray(np.divide(flagged, total, out=np.full_like(total, np.nan), where=total > 0))


def share_below_0(draws: Floats) -> float:
    """The share of draws in which a difference, (draws,), is negative; without the first, the metric itself."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    return float((drawn < 0).mean()) if len(drawn) else math.nan


def _ap(photo: Places, hit: Flags, people: Floats, draws: Floats) -> Floats:
    """The AP of one label at one threshold, (draws,), of its boxes in order.

    Precision rises at a hit and falls at a miss, so its envelope changes only at hits: between two hits it is that of
    the later. So only the hits are computed, with the weight of the misses before each.
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
    predicted = right + wrong
    precision = np.divide(right, predicted, out=np.zeros_like(right), where=predicted > 0)
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
    """A metric as JSON: six decimals, and null for NaN."""
    return round(value, 6) if math.isfinite(value) else None
