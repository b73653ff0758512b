"""What the shop's clock does on the days on which daylight saving time begins or ends.

In spring a gap of local times is skipped, in autumn an hour comes twice. EventBridge Scheduler does not run a schedule
whose time is in a gap, and runs one in the repeated hour once; we take the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

# The years whose gaps get schedules. Fixed, so that templates do not change with the day of a deployment.
YEARS: Final = range(2026, 2051)
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """Local times, without a zone, that the clock skips: from `begins` on, and before `ends`."""

    begins: datetime
    ends: datetime

    def __contains__(self, local: datetime) -> bool:
        return self.begins <= local < self.ends


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """When a clock in the zone first shows the local time, or, if it skips it, the end of that gap.

    `local` has no zone; the result has.
    """
    gap = gap_at(local, zone)
    return (local if gap is None else gap.ends).replace(tzinfo=zone)


def gap_at(local: datetime, zone: ZoneInfo) -> Gap | None:
    """The gap that the local time is in; None for a time that the clock shows."""
    first = local.replace(tzinfo=zone)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local:
        return None
    # In a gap fold=0 has the offset before it, fold=1 the one after it (PEP 495).
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert before is not None and after is not None  # noqa: S101 - a ZoneInfo always answers
    changes = _change_between(local - after, local - before, before, zone)
    return Gap(changes + before, changes + after)


def gaps_of(zone: ZoneInfo) -> tuple[Gap, ...]:
    """The gaps of all YEARS, in order."""
    return _gaps_of(zone.key)


@cache
def _gaps_of(key: str) -> tuple[Gap, ...]:
    return tuple(_search(ZoneInfo(key)))


def _search(zone: ZoneInfo) -> Iterator[Gap]:
    day, last = datetime(YEARS.start, 1, 1), datetime(YEARS.stop, 1, 1)
    before = _offset(day, zone)
    while day < last:
        following = day + _DAY
        after = _offset(following, zone)
        if after > before:
            changes = _change_between(day, following, before, zone)
            yield Gap(changes + before, changes + after)
        day, before = following, after


def _change_between(earlier: datetime, later: datetime, before: timedelta, zone: ZoneInfo) -> datetime:
    """The first second, in UTC, in which the offset is not `before` any more; it changes once between the two."""
    while later - earlier > _SECOND:
        middle = earlier + (later - earlier) // 2
        middle = middle.replace(microsecond=0)
        if _offset(middle, zone) == before:
            earlier = middle
        else:
            later = middle
    return later


def _offset(utc: datetime, zone: ZoneInfo) -> timedelta:
    offset = utc.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - a ZoneInfo always answers
    return offset


def midnight_of(day: date) -> datetime:
    """The beginning of a date, without a zone."""
    return datetime(day.year, day.month, day.day)
