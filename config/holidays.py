"""When the shop is closed though its week says that it is open: holidays, as spans of time. Without the CDK."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.nunchi_toml import HoursSettings
from config.opening_hours import DAYS
from lambdas.health_probe import ClosedSpans


def closed_spans(hours: HoursSettings) -> ClosedSpans | None:
    """From the first opening to the last closing of each closed date; None when there is none."""
    spans = []
    for day in hours.closed_dates:
        windows = hours.windows_of(DAYS[day.weekday()])
        if windows:
            midnight = datetime(day.year, day.month, day.day, tzinfo=hours.zone_info)
            first, last = min(one.opens for one in windows), max(one.closes for one in windows)
            spans.append((midnight + timedelta(minutes=first), midnight + timedelta(minutes=last)))
    return ClosedSpans(tuple(sorted(spans))) if spans else None
