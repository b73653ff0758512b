"""Closed forms of queueing theory to validate the simulator with, and the confidence interval of a few days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev


def erlang_c(servers: int, load: float) -> float:
    """The probability of having to wait in M/M/c (Erlang 1917); `load`, rate × service time, is below `servers`."""
    blocked = 1.0  # Erlang B, by its recursion over servers, which overflows nowhere
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def wait_mmc(servers: int, rate: float, service_s: float) -> float:
    """Mean seconds in the queue of M/M/c."""
    load = rate * service_s
    return erlang_c(servers, load) * service_s / (servers - load)


def wait_md1(rate: float, service_s: float) -> float:
    """Mean seconds in the queue of M/D/1 (Pollaczek and Khinchine)."""
    load = rate * service_s
    return load * service_s / (2 * (1 - load))


def mean_and_half_width(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half of its 95 % interval by Student's t; nan for a single value."""
    if len(values) < 2:
        return fmean(values), math.nan
    return fmean(values), student_t(len(values) - 1) * stdev(values) / math.sqrt(len(values))


def student_t(degrees: int) -> float:
    """The 97.5 % point of Student's t, to 0.5 % from 4 degrees of freedom (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(0.975)
    return z + sum(
        (
            (z**3 + z) / (4 * degrees),
            (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2),
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3),
            (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * degrees**4),
        )
    )
