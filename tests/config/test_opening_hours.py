"""Opening hours as a week, and the schedules that follow from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.opening_hours import (
    DAY,
    DAYS,
    HOUR,
    LEASE_AFTER,
    REPEAT_EVERY,
    REPEAT_UNTIL,
    WEEK,
    Week,
    Weekday,
    Window,
    crons,
)

SEOUL = ZoneInfo("Asia/Seoul")
EVERY_DAY = {day: [Window.parse("08:00-20:00")] for day in DAYS}

windows = st.builds(
    lambda opens, length: Window(opens, opens + length), st.integers(0, DAY - 1), st.integers(1, DAY)
).filter(lambda one: one.closes <= 2 * DAY)
weeks = st.builds(
    lambda days, lead, linger: Week(days, lead_minutes=lead, linger_minutes=linger),
    st.dictionaries(st.sampled_from(DAYS), st.lists(windows, max_size=3), max_size=7).filter(
        lambda days: any(days.values())
    ),
    st.integers(0, 120),
    st.integers(0, 60),
)


def minutes_of(expressions: list[str]) -> set[int]:
    """The minutes of the week that cron expressions name, read as EventBridge Scheduler reads them."""

    def numbers(field: str) -> Iterator[int]:
        for part in field.split(","):
            first, _, last = part.partition("-")
            yield from range(int(first), int(last or first) + 1)

    found: set[int] = set()
    for expression in expressions:
        match = re.fullmatch(r"cron\((\S+) (\S+) \? \* (\S+) \*\)", expression)
        assert match, expression
        names: list[str] = [day.value[:3].upper() for day in DAYS]
        days = range(7) if match[3] == "*" else [names.index(name) for name in match[3].split(",")]
        found |= {
            DAY * day + HOUR * hour + minute
            for day in days
            for hour in numbers(match[2])
            for minute in numbers(match[1])
        }
    return found


def running(week: Week) -> set[int]:
    """The minutes of the week in which an instance is to run."""
    return {(start + minute) % WEEK for start, length in week.running for minute in range(length)}


def test_a_shop_of_eight_to_eight_has_one_start_one_stop_and_a_lease_for_the_night() -> None:
    week = Week(EVERY_DAY, lead_minutes=10, linger_minutes=5)
    assert (week.starts, week.stops, week.leases) == (
        ["cron(50 7 ? * * *)"],
        ["cron(5 20 ? * * *)"],
        ["cron(5 0-7,21-23 ? * * *)"],
    )
    assert week.running_hours == 7 * 12.25


def test_a_midday_break_and_a_late_night_stop_and_start_in_between() -> None:
    late = [Window.parse("11:00-14:30"), Window.parse("17:00-02:00")]
    week = Week({day: late for day in DAYS if day is not Weekday.SUNDAY}, lead_minutes=10)
    assert week.starts == ["cron(50 10,16 ? * MON,TUE,WED,THU,FRI,SAT *)"]
    assert week.stops == [
        "cron(0 2 ? * TUE,WED,THU,FRI,SAT,SUN *)",
        "cron(30 14 ? * MON,TUE,WED,THU,FRI,SAT *)",
    ]


def test_a_break_shorter_than_the_lead_stops_nothing() -> None:
    """Else the stop of the first window would end what the start of the second has just begun."""
    week = Week({Weekday.MONDAY: [Window.parse("08:00-12:00"), Window.parse("12:20-20:00")]}, lead_minutes=30)
    assert (week.starts, week.stops) == (["cron(30 7 ? * MON *)"], ["cron(0 20 ? * MON *)"])


def test_a_shop_that_never_closes_has_no_schedule() -> None:
    week = Week({day: [Window.parse("00:00-24:00")] for day in DAYS}, lead_minutes=10)
    assert (week.starts, week.stops, week.leases, week.running_hours) == ([], [], [], 168)
    assert week.repeats == ["cron(0,10,20,30,40,50 0-23 ? * * *)"]
    assert week.next_start(datetime(2026, 11, 22, tzinfo=UTC), SEOUL) is None


@given(weeks)
def test_an_instance_is_started_when_it_should_begin_to_run_and_stopped_when_it_should_end(week: Week) -> None:
    """Replaying a week of the schedules gives the minutes in which the instance is to run, and no others."""
    starts, stops, wanted = minutes_of(week.starts), minutes_of(week.stops), running(week)
    if week.always_running:
        assert (starts, stops, len(wanted)) == (set(), set(), WEEK)
        return
    on, seen = False, set()
    for minute in range(2 * WEEK):  # twice: Sunday's night goes on into Monday
        on = (on or minute % WEEK in starts) and minute % WEEK not in stops
        if on and minute >= WEEK:
            seen.add(minute % WEEK)
    assert seen == wanted


@given(weeks)
def test_the_lease_never_stops_what_should_run_and_finds_whatever_outlives_its_window_by_an_hour(week: Week) -> None:
    """An instance that somebody started at night is found within the hour, too."""
    leases, wanted = minutes_of(week.leases), running(week)
    assert not leases & wanted
    for stop in minutes_of(week.stops):
        closed = next(gap for gap in range(WEEK) if (stop + gap) % WEEK in wanted)
        expected = {(stop + after) % WEEK for after in range(LEASE_AFTER, closed - 9, HOUR)}
        assert expected <= leases


@given(weeks)
def test_a_start_is_repeated_every_ten_minutes_and_never_shortly_before_the_stop(week: Week) -> None:
    """A repeated start that comes some minutes late would start again what has just been stopped."""
    repeats, stops = minutes_of(week.repeats), minutes_of(week.stops)
    late = {(stop - early) % WEEK for stop in stops for early in range(REPEAT_UNTIL)}
    assert repeats == {minute for minute in running(week) - late if minute % REPEAT_EVERY == 0}


@given(st.sets(st.integers(0, WEEK - 1), max_size=60))
def test_cron_expressions_name_just_the_minutes_that_they_were_made_from(minutes: set[int]) -> None:
    assert minutes_of(crons(minutes)) == minutes


@given(weeks, st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)))
def test_the_next_start_is_a_scheduled_one_in_the_future(week: Week, naive: datetime) -> None:
    at = naive.replace(tzinfo=SEOUL)
    following = week.next_start(at, SEOUL)
    if following is not None:
        assert at < following <= at + timedelta(days=8)
        minute = DAY * following.weekday() + HOUR * following.hour + following.minute
        assert minute in minutes_of(week.starts)


def test_a_holiday_is_skipped_when_the_next_start_is_told() -> None:
    week = Week(EVERY_DAY, lead_minutes=10)
    friday_evening = datetime(2027, 2, 5, 21, tzinfo=SEOUL)
    assert week.next_start(friday_evening, SEOUL, closed=[date(2027, 2, 6), date(2027, 2, 7)]) == datetime(
        2027, 2, 8, 7, 50, tzinfo=SEOUL
    )


def test_the_hours_are_those_of_the_shops_own_clock() -> None:
    """20:30 UTC is 05:30 in Seoul on the next day."""
    week = Week(EVERY_DAY)
    assert not week.should_run(datetime(2026, 11, 22, 20, 30, tzinfo=UTC), SEOUL)
    assert week.should_run(datetime(2026, 11, 22, 23, 0, tzinfo=UTC), SEOUL)


@pytest.mark.parametrize(
    "text", ["8-20", "08:00-24:30", "25:00-26:00", "08:00-08:00", "08:00–20:00", "", "24:00-08:00"]
)
def test_an_invalid_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window|day ends|empty"):
        Window.parse(text)


@given(windows.filter(lambda one: one.closes - one.opens < DAY))
def test_a_window_reads_back_as_it_is_written(window: Window) -> None:
    assert Window.parse(str(window)) == window
