"""Demand: photos over a day, and the instances that they need. Input of `nunchi cost` and of bench/scaling.

A thousand shops have not been measured. These are assumptions, in one place, with their reasons; docs/scaling.md has
what follows from them, and `--photos-a-day` replaces the first of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

# 2 kiosks × 120 orders × 1.25 photos. 120 orders are one every six minutes over a day of twelve hours; one photo an
# order, and a second one for every fourth (a retry, a companion).
PHOTOS_A_SHOP: Final = 300.0
KIOSKS_A_SHOP: Final = 2

# Photos a second of one c7i.large. Of one core, on the measuring machine: decode 7.3 ms and networks 48.1 ms for a near
# face, 141.7 for a far one, 168.0 without one (docs/performance.md, docs/model-card.md), 85 : 10 : 5 of each assumed;
# 93 % of that through the pipeline; two processors. A c7i.large's two are the threads of one core: 0.75 of the speed
# is assumed until it is measured there.
CORE_S: Final = ((0.85, 0.0073 + 0.0481), (0.10, 0.0073 + 0.1417), (0.05, 0.0073 + 0.1680))
PIPELINE_SHARE: Final = 0.93
PROCESSORS: Final = 2
SPEED: Final = 0.75
PHOTOS_A_SECOND: Final = PROCESSORS * SPEED * PIPELINE_SHARE / sum(share * seconds for share, seconds in CORE_S)


@dataclass(frozen=True, slots=True)
class Peak:
    """A meal: its share of the day's photos, its middle (seconds since midnight) and its standard deviation."""

    share: float
    at_s: float
    width_s: float


PEAKS: Final = (Peak(0.33, 12.0 * 3600, 40 * 60), Peak(0.22, 18.5 * 3600, 50 * 60))


@dataclass(frozen=True, slots=True)
class DemandDay:
    """The shape of a day: an even part, and the meals that fall into the opening hours, in seconds since midnight."""

    open_s: float = 8 * 3600
    close_s: float = 20 * 3600

    def share_until(self, second: float) -> float:
        """The share of the day's photos taken until then, 0-1."""
        moment = min(max(second, self.open_s), self.close_s)
        even = (1 - sum(peak.share for peak in PEAKS)) * (moment - self.open_s) / (self.close_s - self.open_s)
        meals = sum(peak.share * (_below(peak, moment) - _below(peak, self.open_s)) for peak in PEAKS)
        return (even + meals) / self._all

    @property
    def _all(self) -> float:
        cut_off = sum(peak.share * (_below(peak, self.open_s) + 1 - _below(peak, self.close_s)) for peak in PEAKS)
        return 1 - cut_off


def _below(peak: Peak, second: float) -> float:
    return (1 + math.erf((second - peak.at_s) / (peak.width_s * math.sqrt(2)))) / 2


def busiest_rate(photos_a_day: float, day: DemandDay | None = None) -> float:
    """Photos a second in the busiest minute."""
    return photos_a_day * _busiest_share(day or DemandDay()) / 60


@cache
def _busiest_share(day: DemandDay) -> float:
    """The share of the day's photos in its busiest minute."""
    minutes = range(int(day.open_s), int(day.close_s), 60)
    return max(day.share_until(at + 60) - day.share_until(at) for at in minutes)


@dataclass(frozen=True, slots=True)
class GroupSize:
    """The size of the Auto Scaling group, as [queue] of nunchi.toml has it."""

    least: int
    most: int
    backlog_per_instance: int
    warm_pool: int


BUSY: Final = 1.3  # customers of a busy day over those of an average one; one day in twenty has more


def group_for(shops: float, photos_a_shop: float = PHOTOS_A_SHOP) -> GroupSize:
    """The group for so many shops: the peak of a busy day, and one spare instance.

    Scaling out takes minutes, and a label is useful for half a minute (docs/scaling.md). So `least` carries the peaks;
    `most` and the warm pool are the reserve.
    """
    least = math.ceil(BUSY * busiest_rate(shops * photos_a_shop) / PHOTOS_A_SECOND) + 1
    return GroupSize(least=least, most=3 * least, backlog_per_instance=10, warm_pool=least)


def instances_paid(photos_a_day: float, *, least: int, most: int) -> int:
    """Instances that a group is billed for in each running hour, at so many photos a day.

    With `least` from `group_for` this is `least`: in the simulation such a group never scaled out. A smaller group
    scales out at meals; counting the instances of the busiest minute in every hour is then an upper bound.
    """
    return max(least, min(most, math.ceil(busiest_rate(photos_a_day) / PHOTOS_A_SECOND)))
