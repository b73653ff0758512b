"""Confidence intervals of a share. Without numpy and scipy, so that commands start quickly.

Decisions use `exact`, which covers the true share in at least 95 % of cases at any count. Displays may use `wilson`,
which is narrower, and covers it in 95 % on average, but less often at low counts: 0 of 1 has the upper end 0.79 by
Wilson and 0.975 by the exact interval. L. D. Brown, T. T. Cai, A. DasGupta, Interval estimation for a binomial
proportion, Statistical Science 16 (2001), compares both.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

CONFIDENCE_LEVEL: Final = 0.95
_Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE_LEVEL) / 2)
_BISECTIONS: Final = 50  # of the interval 0-1: the ends are exact to 1e-15
_TINY: Final = 1e-300  # replaces 0 in a denominator


def exact(count: float, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share, by Clopper and Pearson; 0 to 1 for a total of 0.

    C. J. Clopper, E. S. Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26 (1934): under a share outside it, a count so high, or so low, has a probability below 2.5 %. The ends
    are quantiles of beta distributions, which also exist for a fractional `count`.
    """
    tail = (1 - CONFIDENCE_LEVEL) / 2
    low = _beta_quantile(tail, count, total - count + 1) if count > 0 else 0.0
    high = _beta_quantile(1 - tail, count + 1, total - count) if count < total else 1.0
    return low, high


def wilson(count: float, total: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share, for display, not for decisions; 0 to 1 for a total of 0.

    E. B. Wilson, Probable inference, JASA 22 (1927). Unlike the normal approximation it stays inside 0-1.
    """
    if not total:
        return 0.0, 1.0
    share, z2 = count / total, _Z**2 / total
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total)) / (1 + z2)
    # One end of a share of 0 or 1 is the share itself; rounding must not exclude it: plots reject negative error bars.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """The quantile of a beta distribution, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_cdf(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The cumulative distribution function, I_x(a, b) for 0 < x < 1, by its continued fraction.

    NIST Digital Library of Mathematical Functions, 8.17.22, which converges fast below (a + 1) / (a + b + 2); above it
    8.17.4, I_x(a, b) = 1 - I_{1-x}(b, a). Evaluated by Lentz's method (Applied Optics 15, 1976).
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_cdf(1 - x, b, a)
    log_factor = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    value, c, d, step = 1.0, 1.0, 0.0, 0
    while True:
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d or _TINY)
        c = 1 + term / c or _TINY
        value *= c * d
        step += 1
        if step > 1 and abs(c * d - 1) < 1e-14:
            return math.exp(log_factor) / a * (value - 1)
