"""How far a distribution moved, and whether chance may have done it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_UNSEEN: Final = 0.5  # added to every bin, so that an empty one has a logarithm: Jeffreys' prior


@dataclass(frozen=True, slots=True)
class Shift:
    """`psi`: how far. `by_chance`: how often data that did not move look so different. `bin` moved most."""

    psi: float
    by_chance: float
    significant: bool
    bin: str
    before: float
    now: float

    @property
    def told(self) -> str:
        return f"{self.bin} {self.before:.0%} → {self.now:.0%}"


def shift(now: Mapping[str, float], before: Mapping[str, float], chance: float) -> Shift:
    """Two counts over the same bins, neither of them empty; significant if chance does it more rarely than `chance`.

    How far is the population stability index, Σ (q - p) ln(q / p) over the bins' shares: the divergence of Kullback and
    Leibler, both ways. It is blind to how many were counted: Yurdakul, Statistical Properties of Population Stability
    Index (Western Michigan University, 2018), so Pearson's χ² of homogeneity says if it is more than chance.
    """
    bins = [name for name in before if before[name] + now.get(name, 0) > 0]
    p, q = _shares(before, bins), _shares(now, bins)
    terms = {name: (q[name] - p[name]) * math.log(q[name] / p[name]) for name in bins}
    farthest = max(terms, key=lambda name: terms[name])
    by_chance = _by_chance(now, before, bins)
    return Shift(
        psi=sum(terms.values()),
        by_chance=by_chance,
        significant=by_chance < chance,
        bin=farthest,
        before=before[farthest] / sum(before.values()),
        now=now.get(farthest, 0) / sum(now.values()),
    )


def _shares(counts: Mapping[str, float], bins: list[str]) -> dict[str, float]:
    everything = sum(counts.values()) + _UNSEEN * len(bins)
    return {name: (counts.get(name, 0) + _UNSEEN) / everything for name in bins}


def _by_chance(now: Mapping[str, float], before: Mapping[str, float], bins: list[str]) -> float:
    """The p-value of Pearson's χ²: how likely two draws of one distribution differ at least so much."""
    n, m = sum(now.values()), sum(before.values())
    statistic = 0.0
    for name in bins:
        share = (now.get(name, 0) + before[name]) / (n + m)
        statistic += (now.get(name, 0) - n * share) ** 2 / (n * share) + (before[name] - m * share) ** 2 / (m * share)
    return chi_squared_above(statistic, len(bins) - 1)


def chi_squared_above(statistic: float, degrees: int) -> float:
    """How much of the χ² distribution lies above `statistic`: the regularised upper gamma function, by its recurrence.

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
