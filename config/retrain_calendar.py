"""When the next retraining is due: every so many days, at night. Without the CDK.

EventBridge Scheduler counts a rate from its StartDate. Without one it fires on deployment; with one that is past it
refuses the schedule, at its creation and at every change. A date in the settings would so break a deployment one day,
and a date reckoned from the deployment would move the next retraining away with each of them.

So the dates are a series of their own, the same for everybody: from a fixed day on, every `period_days` days. What is
deployed is the next date of the series. A later deployment names a later date of the same series, on which the
schedule would have fired anyway: it neither moves a retraining nor adds one. The templates change when a date has
passed, and at no other time.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from config.nunchi_toml import HoursSettings
from config.opening_hours import DAY, DAYS, HOUR

_SERIES_BEGAN: Final = (2026, 1, 1)
_ALWAYS_OPEN: Final = 3 * HOUR  # then no time is better than another; few customers come at three in the morning
# A deployment takes minutes, and must not meet a date that has passed by its end.
_AHEAD: Final = timedelta(hours=1)


def quiet_minute(hours: HoursSettings) -> int:
    """The minute of the day, by the shop's clock, in the middle of the longest time in which no weekday is open."""
    busy = bytearray(DAY)
    for day in DAYS:
        for window in hours.windows_of(day):
            for minute in range(window.opens, window.closes):
                busy[minute % DAY] = 1
    if all(busy):
        return _ALWAYS_OPEN
    starts = [minute for minute in range(DAY) if not busy[minute] and busy[minute - 1]]
    lengths = {start: _closed_for(busy, start) for start in starts}
    longest = max(starts, key=lambda start: lengths[start])
    return (longest + lengths[longest] // 2) % DAY


def next_retraining(hours: HoursSettings, period_days: int, at: datetime) -> datetime:
    """The next date of the series that is at least an hour after `at`, in UTC.

    A rate counts hours and not days of a calendar: where clocks are put forward in summer, it is an hour later there.
    """
    hour, minute = divmod(quiet_minute(hours), HOUR)
    began = datetime(*_SERIES_BEGAN, hour, minute, tzinfo=hours.zone_info).astimezone(UTC)
    period = timedelta(days=period_days)
    return began + period * math.ceil((at + _AHEAD - began) / period)


def _closed_for(busy: bytearray, start: int) -> int:
    """Minutes from `start`, on the ring of a day, until the first busy one."""
    return next(length for length in range(1, DAY + 1) if busy[(start + length) % DAY])
