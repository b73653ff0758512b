"""Between what a share lies, as far as those counted can tell."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

SURE: Final = 0.95
_Z: Final = NormalDist().inv_cdf((1 + SURE) / 2)


def wilson(yes: float, of: int) -> tuple[float, float]:
    """The 95 % interval of a share: Wilson's score interval.

    E. B. Wilson, Probable inference, JASA 22 (1927). It stays inside 0-1, and is honest of few, and of none or all of
    them, where the usual ± is not. Of nobody: 0 to 1.
    """
    if not of:
        return 0.0, 1.0
    share, z2 = yes / of, _Z**2 / of
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of)) / (1 + z2)
    # Of none or all the one end is the share itself, and rounding must not put it outside: plots refuse such bars.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
