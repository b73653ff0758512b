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

from config.opening_hours import DAY, DAYS, HOUR, gaps, merged
from config.sections import HoursSettings

_SERIES_BEGAN: Final = (2026, 1, 1)
_ALWAYS_OPEN: Final = 3 * HOUR  # for a shop that never closes: few customers come at three in the morning
# A deployment takes minutes; the date must not pass before its end.
_AHEAD: Final = timedelta(hours=1)


def quiet_minute(hours: HoursSettings) -> int:
    """The minute of the day, in local time, in the middle of the longest time that is closed on every weekday."""
    windows = [window for day in DAYS for window in hours.windows_of(day)]
    open_ = merged(((window.opens, window.closes - window.opens) for window in windows), DAY)
    start, length = max(sorted((start % DAY, length) for start, length in gaps(open_, DAY)), key=lambda span: span[1])
    return (start + length // 2) % DAY if length else _ALWAYS_OPEN


def next_retraining(hours: HoursSettings, period_days: int, at: datetime) -> datetime:
    """The next date of the series that is at least an hour after `at`, in UTC.

    A rate counts hours, not calendar days: during daylight saving time a retraining starts an hour later by the clock.
    """
    hour, minute = divmod(quiet_minute(hours), HOUR)
    began = datetime(*_SERIES_BEGAN, hour, minute, tzinfo=hours.zone_info).astimezone(UTC)
    period = timedelta(days=period_days)
    return began + period * math.ceil((at + _AHEAD - began) / period)
