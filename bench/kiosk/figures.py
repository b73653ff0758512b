"""Quantiles, and how much is held more with each customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.stats import theilslopes

CONFIDENCE: Final = 0.95


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Count, median, 95th percentile (linear between the values) and longest."""
    p50, p95 = np.percentile(values, [50, 95])
    return {"count": len(values), "p50": round(float(p50)), "p95": round(float(p95)), "longest": round(max(values))}


def growth(customers: Sequence[int], held: Sequence[float]) -> dict[str, float]:
    """What `held` grows by with each customer, with its 95 % interval: the median of the slopes of all pairs.

    Theil and Sen: a step of the allocator, or one that comes back, moves a median less than a mean. (Sen, JASA 63,
    1968.) The interval takes residuals for independent; steps of an allocator are not, so it is rather too narrow.
    """
    slope, _, low, high = theilslopes(held, customers, CONFIDENCE)
    return {"slope": round(float(slope), 1), "low": round(float(low), 1), "high": round(float(high), 1)}
