"""When the next retraining is due: every `period_days` days, at night.

EventBridge Scheduler counts a rate from its StartDate. Without one the schedule fires on deployment; with a past one it
is refused, at its creation and at every change. So a date in the settings would break a deployment one day, and a date
counted from the deployment would postpone the next retraining with each deployment.

Therefore the dates are a fixed series: every `period_days` days from a fixed day on. A deployment uses the next date of
the series. A later deployment uses a later date of the same series, on which the schedule would have fired anyway, so
it neither moves nor adds a retraining. The templates change only when a date has passed.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from config.opening_hours import DAY, DAYS, HOUR
from config.sections import HoursSettings

_SERIES_BEGAN: Final = (2026, 1, 1)
_ALWAYS_OPEN: Final = 3 * HOUR  # for a shop that never closes: few customers come at three in the morning
# A deployment takes minutes; the date must not pass before its end.
_AHEAD: Final = timedelta(hours=1)


def quiet_minute(hours: HoursSettings) -> int:
    """The minute of the day, in local time, in the middle of the longest time that is closed on every weekday."""
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

    A rate counts hours, not calendar days: during daylight saving time a retraining starts an hour later by the clock.
    """
    hour, minute = divmod(quiet_minute(hours), HOUR)
    began = datetime(*_SERIES_BEGAN, hour, minute, tzinfo=hours.zone_info).astimezone(UTC)
    period = timedelta(days=period_days)
    return began + period * math.ceil((at + _AHEAD - began) / period)


def _closed_for(busy: bytearray, start: int) -> int:
    """Minutes from `start`, on the ring of a day, until the first busy minute."""
    return next(length for length in range(1, DAY + 1) if busy[(start + length) % DAY])
