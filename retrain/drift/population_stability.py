"""The population stability index of two distributions, and Pearson's chi-squared test of their homogeneity. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PSEUDOCOUNT: Final = 0.5  # added to every bin, so that an empty one has a logarithm: Jeffreys' prior


@dataclass(frozen=True, slots=True)
class DistributionShift:
    """`psi`, and `p_value` of the test. `bin` contributes most to psi, with its share `before` and `now`."""

    psi: float
    p_value: float
    significant: bool
    bin: str
    before: float
    now: float

    @property
    def summary(self) -> str:
        return f"{self.bin} {self.before:.0%} → {self.now:.0%}"


def distribution_shift(now: Mapping[str, float], before: Mapping[str, float], alpha: float) -> DistributionShift:
    """The shift between two non-empty counts over the same bins; significant if its p-value is below `alpha`.

    The population stability index is Σ (q - p) ln(q / p) over the bins' shares: the symmetric Kullback-Leibler
    divergence. It ignores the sample size (Yurdakul, Statistical Properties of Population Stability Index, Western
    Michigan University, 2018), so Pearson's χ² test of homogeneity decides about significance.
    """
    bins = [name for name in before if before[name] + now.get(name, 0) > 0]
    p, q = _shares(before, bins), _shares(now, bins)
    terms = {name: (q[name] - p[name]) * math.log(q[name] / p[name]) for name in bins}
    largest = max(terms, key=lambda name: terms[name])
    p_value = _p_value(now, before, bins)
    return DistributionShift(
        psi=sum(terms.values()),
        p_value=p_value,
        significant=p_value < alpha,
        bin=largest,
        before=before[largest] / sum(before.values()),
        now=now.get(largest, 0) / sum(now.values()),
    )


def _shares(counts: Mapping[str, float], bins: list[str]) -> dict[str, float]:
    total = sum(counts.values()) + _PSEUDOCOUNT * len(bins)
    return {name: (counts.get(name, 0) + _PSEUDOCOUNT) / total for name in bins}


def _p_value(now: Mapping[str, float], before: Mapping[str, float], bins: list[str]) -> float:
    """The p-value of Pearson's χ² test: the probability of so large a difference without a shift."""
    n, m = sum(now.values()), sum(before.values())
    statistic = 0.0
    for name in bins:
        share = (now.get(name, 0) + before[name]) / (n + m)
        statistic += (now.get(name, 0) - n * share) ** 2 / (n * share) + (before[name] - m * share) ** 2 / (m * share)
    return chi_squared_survival(statistic, len(bins) - 1)


def chi_squared_survival(statistic: float, degrees: int) -> float:
    """P(χ² > statistic), the survival function: the regularised upper gamma function, by its recurrence.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 6.5.22, from Q(1/2, x) = erfc √x and Q(1, x) = exp(-x).
    """
    if degrees < 1:
        return 1.0
    x = statistic / 2
    order, above = (0.5, math.erfc(math.sqrt(x))) if degrees % 2 else (1.0, math.exp(-x))
    while order < degrees / 2:
        above += x**order * math.exp(-x) / math.gamma(order + 1)
        order += 1
    return above
