"""When the next retraining is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.opening_hours import Weekday, Window
from config.retrain_calendar import next_retraining, quiet_minute
from config.sections import HoursSettings

AT = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
INSTANTS = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))


def hours(*windows: str, zone: str = "Asia/Seoul", **days: tuple[str, ...]) -> HoursSettings:
    return HoursSettings(
        zone=zone,
        windows=tuple(map(Window.parse, windows)),
        days={Weekday(day): tuple(map(Window.parse, of_day)) for day, of_day in days.items()},
    )


@pytest.mark.parametrize(
    ("open_", "minute"),
    [
        (hours("08:00-20:00"), 2 * 60),
        (hours("11:00-14:30", "17:00-02:00"), 6 * 60 + 30),
        (hours("08:00-20:00", friday=("18:00-04:00",)), 6 * 60),
        (hours("20:00-08:00"), 14 * 60),  # a bar
        (hours("00:00-24:00"), 3 * 60),
    ],
)
def test_a_retraining_is_due_in_the_middle_of_the_longest_closed_time_of_all_days(
    open_: HoursSettings, minute: int
) -> None:
    assert quiet_minute(open_) == minute


def test_the_next_date_is_one_of_a_series_that_no_deployment_moves() -> None:
    """Every 60 days from the first of January 2026 at two in the morning in Seoul, which is 17:00 UTC."""
    turn = next_retraining(hours("08:00-20:00"), 60, AT)
    assert turn == datetime(2026, 12, 26, 17, 0, tzinfo=UTC)
    assert turn.astimezone(ZoneInfo("Asia/Seoul")).hour == 2
    assert next_retraining(hours("08:00-20:00"), 60, AT + timedelta(days=30)) == turn
    assert next_retraining(hours("08:00-20:00"), 60, turn) == turn + timedelta(days=60)


@given(INSTANTS, st.integers(1, 366), st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/Lima"]))
def test_whenever_it_is_deployed_the_date_is_ahead_and_what_was_deployed_before_would_fire_then_too(
    at: datetime, period_days: int, zone: str
) -> None:
    """AWS refuses a StartDate that is past, and counts the rate from it: a later date must be a multiple away."""
    open_ = hours("08:00-20:00", zone=zone)
    turn, period = next_retraining(open_, period_days, at), timedelta(days=period_days)
    assert timedelta(hours=1) <= turn - at < timedelta(hours=1) + period
    later = next_retraining(open_, period_days, at + timedelta(days=1000))
    assert (later - turn) % period == timedelta(0)
