"""Dates of a week: the schedules are replayed step by step, by the clock of a zone, with its holidays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.clock_changes import gap_at, gaps_of, instant_of
from config.nunchi_toml import load
from config.opening_hours import DAY, DAYS, HOUR, Window
from config.sections import HoursSettings
from contracts.instants import ClosedSpans
from tests.shell.closed_clock import closed

# Gaps and repeated hours at two in the morning, at midnight, before it, of half an hour, of two, in Ramadan; and none.
ZONES = (
    *("Asia/Seoul", "Europe/Berlin", "Europe/London", "America/New_York", "America/Santiago", "Africa/Cairo"),
    *("Australia/Lord_Howe", "America/Nuuk", "Asia/Beirut", "Atlantic/Azores", "Africa/Casablanca", "Pacific/Chatham"),
    *("America/Havana", "Antarctica/Troll", "America/Scoresbysund", "Asia/Jerusalem", "Asia/Gaza", "Asia/Kathmandu"),
)
STEP = timedelta(minutes=5)  # every time in these tests is a multiple of it
KNOWN = timedelta(days=9)  # by then every instance has been stopped once
OBSERVED = timedelta(days=3)

windows = st.builds(
    lambda opens, length: Window(opens, opens + length),
    st.integers(0, 47).map(lambda half: 30 * half),
    st.sampled_from([30, 60, 90, 240, 600, 720, 1440]),
)


@st.composite
def shops(draw: st.DrawFn) -> tuple[HoursSettings, datetime]:
    """A shop with holidays, and an instant; both often near a day on which its clock changes."""
    zone = draw(st.sampled_from(ZONES))
    gaps = [gap.begins.date() for gap in gaps_of(ZoneInfo(zone))]
    autumns = [gap + timedelta(days=217) for gap in gaps]  # in Europe and America the clock goes back about then
    near = st.sampled_from([*gaps, *autumns]) if gaps else st.nothing()
    day = draw(st.dates(date(2026, 1, 1), date(2045, 1, 1)) | near)
    around = st.integers(-4, 8).map(lambda days: day + timedelta(days=days))
    hours = HoursSettings(
        zone=zone,
        windows=tuple(draw(st.lists(windows, min_size=1, max_size=2))),
        days=draw(st.dictionaries(st.sampled_from(DAYS), st.lists(windows, max_size=2).map(tuple), max_size=7)),
        closed_dates=tuple(draw(st.lists(around, max_size=5))),
        boot_lead_minutes=draw(st.sampled_from([5, 10, 45, 120])),
        linger_minutes=draw(st.sampled_from([0, 5, 120])),
    )
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        days=draw(st.integers(-6, 1)), minutes=5 * draw(st.integers(0, 287))
    )
    return hours, at


def times_of(expressions: list[str]) -> set[tuple[int, int]]:
    """(month, minute of the week) of cron expressions, as EventBridge Scheduler reads them."""

    def numbers(field: str, every: range) -> Iterator[int]:
        if field == "*":
            yield from every
            return
        for part in field.split(","):
            first, _, last = part.partition("-")
            yield from range(int(first), int(last or first) + 1)

    names: list[str] = [day.value[:3].upper() for day in DAYS]
    found: set[tuple[int, int]] = set()
    for expression in expressions:
        match = re.fullmatch(r"cron\((\S+) (\S+) \? (\S+) (\S+) \*\)", expression)
        assert match, expression
        days = range(7) if match[4] == "*" else [names.index(name) for name in match[4].split(",")]
        found |= {
            (month, DAY * day + HOUR * hour + minute)
            for month in numbers(match[3], range(1, 13))
            for day in days
            for hour in numbers(match[2], range(24))
            for minute in numbers(match[1], range(60))
        }
    return found


def replay(hours: HoursSettings, begin: datetime) -> Iterator[tuple[datetime, bool, bool]]:
    """Each step from `begin` on: the instant, whether the instance runs, whether it was started just now.

    A time that the clock skips fires nothing, one that comes twice fires once, the first time. A machine that starts
    within the spans of closed.sh powers off.
    """
    week, zone = hours.week, hours.zone_info
    starts = times_of([*week.starts, *week.starts_after_gaps(zone)])
    stops, leases = times_of(week.stops), times_of(week.leases)
    spans = hours.closed_spans or ClosedSpans()
    runs = week.always_running
    for ahead in range(int((KNOWN + OBSERVED) / STEP)):
        at = begin - KNOWN + ahead * STEP
        clock = at.astimezone(zone)
        time = (clock.month, DAY * clock.weekday() + HOUR * clock.hour + clock.minute)
        started = False
        if clock.fold == 0 and time in stops | leases:
            runs = False
        if clock.fold == 0 and time in starts and not runs:
            runs = started = at not in spans
        if at >= begin:
            yield at, runs, started


def openings(hours: HoursSettings, first: date, days: int) -> Iterator[tuple[date, datetime, datetime]]:
    """Date, beginning and end by the clock of each opening."""
    for ahead in range(days):
        day = first + timedelta(days=ahead)
        midnight = datetime(day.year, day.month, day.day)
        for window in hours.windows_of(DAYS[day.weekday()]):
            yield day, midnight + timedelta(minutes=window.opens), midnight + timedelta(minutes=window.closes)


def built(text: str, folder: Path) -> HoursSettings:
    file = folder / "nunchi.toml"
    file.write_text(text)
    return load(file).hours


@settings(max_examples=40)
@given(shops())
def test_in_every_zone_and_year_the_schedules_open_each_shop_and_the_next_start_is_one_of_theirs(
    shop: tuple[HoursSettings, datetime],
) -> None:
    hours, begin = shop
    zone = hours.zone_info
    minutes = list(replay(hours, begin))
    running = {at: runs for at, runs, _ in minutes}
    told: list[datetime] = []
    at = begin - STEP
    while (following := hours.next_start(at)) is not None and following < begin + OBSERVED:
        at = following.astimezone(UTC)
        told.append(at)
    # A stop that the clock skipped leaves the instance running into the next start.
    assert [at for at in told if not running.get(at - STEP)] == [at for at, _, started in minutes if started]
    assert all(running[at] for at in told)

    for day, opens, closes in openings(hours, begin.astimezone(zone).date() - timedelta(days=2), 6):
        if day not in hours.closed_dates:
            at, end = (instant_of(local, zone).astimezone(UTC) for local in (opens, closes))
            assert hours.should_run(at) or at == end
            while at < end:
                assert running.get(at, True), f"the shop is open at {at.astimezone(zone)}, and no instance runs"
                at += STEP


@settings(max_examples=200)
@given(shops())
def test_a_holiday_ends_no_run_with_another_open_day_and_leaves_none_without(
    shop: tuple[HoursSettings, datetime],
) -> None:
    """`should_run`, `closed_spans` and `next_start` are one truth."""
    hours, at = shop
    spans, week, zone = hours.closed_spans or ClosedSpans(), hours.week, hours.zone_info
    assert hours.should_run(at) == (week.should_run(at, zone) and at not in spans)
    following = hours.next_start(at)
    if following is not None:
        assert at < following and following not in spans and hours.should_run(following)
        assert gap_at(following.replace(tzinfo=None), zone) is None  # a time that the shop's clock shows


@settings(max_examples=10)
@given(shops())
def test_closed_sh_powers_off_at_just_the_starts_that_are_not_told(shop: tuple[HoursSettings, datetime]) -> None:
    hours, begin = shop
    zone, spans = hours.zone_info, hours.closed_spans
    with TemporaryDirectory() as folder:
        at = begin
        for _ in range(6):
            following = hours.week.next_start(at, zone)  # by the week, without holidays, as EventBridge Scheduler
            if following is None:
                return
            at = following.astimezone(UTC)
            off, said = closed(Path(folder), at=at, NUNCHI_CLOSED=str(spans or ""))
            assert off == (hours.next_start(at - STEP) != following), said


@pytest.mark.parametrize(
    ("text", "at", "starts"),
    [
        # The start for Monday is on Sunday, the holiday.
        (
            'windows = ["00:00-24:00"]\nclosed_dates = ["2027-02-07"]\n[hours.days]\nsunday = []',
            "2027-02-07 12:00",
            ["2027-02-07 23:50", "2027-02-14 23:50"],
        ),
        # The start for the holiday is on the day before, that for the day after on the holiday.
        (
            'windows = ["00:00-12:00"]\nclosed_dates = ["2027-02-07"]',
            "2027-02-05 12:00",
            ["2027-02-05 23:50", "2027-02-07 23:50"],
        ),
        # An opening over midnight belongs to the day on which it begins.
        (
            'windows = ["18:00-02:00"]\nclosed_dates = ["2027-02-06"]',
            "2027-02-05 19:00",
            ["2027-02-07 17:50", "2027-02-08 17:50"],
        ),
        # Around the clock from Monday to Saturday: a holiday on the day of the one start must not take the week.
        (
            'windows = ["00:00-24:00"]\nclosed_dates = ["2027-02-08"]\n[hours.days]\nsunday = []',
            "2027-02-07 12:00",
            ["2027-02-07 23:50"],
        ),
        # Unless the whole week is closed.
        (
            (
                'windows = ["00:00-24:00"]\nclosed_dates = ["2027-02-08", "2027-02-09", "2027-02-10", "2027-02-11", '
                '"2027-02-12", "2027-02-13"]\n[hours.days]\nsunday = []'
            ),
            "2027-02-07 12:00",
            ["2027-02-14 23:50"],
        ),
        # 02:50 does not exist on this day.
        (
            'zone = "Europe/Berlin"\nwindows = ["03:00-12:00"]',
            "2027-03-27 12:00",
            ["2027-03-28 03:00", "2027-03-29 02:50"],
        ),
        (
            'zone = "Europe/Berlin"\nwindows = ["03:00-12:00"]',
            "2027-10-30 12:00",
            ["2027-10-31 02:50", "2027-11-01 02:50"],
        ),
        # The lead crosses midnight and the gap, from 00:00 to 01:00.
        (
            'zone = "Africa/Cairo"\nwindows = ["01:05-12:00"]',
            "2027-04-29 12:00",
            ["2027-04-30 01:00", "2027-05-01 00:55"],
        ),
        # An opening that the clock skips as a whole does not happen.
        (
            'zone = "Europe/Berlin"\nwindows = ["02:15-02:45"]\nlinger_minutes = 0',
            "2027-03-27 12:00",
            ["2027-03-29 02:05"],
        ),
    ],
)
def test_the_next_starts_of_real_shops(text: str, at: str, starts: list[str], tmp_path: Path) -> None:
    hours = built(f"[hours]\n{text}", tmp_path)
    told: list[str] = []
    moment = datetime.fromisoformat(at).replace(tzinfo=hours.zone_info)
    for _ in starts:
        following = hours.next_start(moment)
        assert following is not None
        moment = following
        told.append(f"{moment:%Y-%m-%d %H:%M}")
    assert told == starts


def test_a_start_that_the_clock_skips_has_a_schedule_at_the_end_of_the_gap_in_its_month_only(tmp_path: Path) -> None:
    hours = built('[hours]\nzone = "Europe/Berlin"\nwindows = ["03:00-12:00"]', tmp_path)
    assert (hours.week.starts, hours.week.starts_after_gaps(hours.zone_info)) == (
        ["cron(50 2 ? * * *)"],
        ["cron(0 3 ? 3 SUN *)"],
    )
    seoul = built('[hours]\nwindows = ["03:00-12:00"]', tmp_path)
    assert seoul.week.starts_after_gaps(seoul.zone_info) == []


def test_holidays_that_follow_each_other_are_one_span(tmp_path: Path) -> None:
    """So that a year of them fits into 4 KB of a function's environment."""
    hours = built(
        '[hours]\nwindows = ["11:00-14:30", "17:00-02:00"]\nclosed_dates = ["2027-02-07", "2027-02-06", "2027-02-09"]',
        tmp_path,
    )
    assert str(hours.closed_spans) == ("2027-02-06T01:50Z/2027-02-07T17:05Z,2027-02-09T01:50Z/2027-02-09T17:05Z")


@pytest.mark.parametrize("zone", ZONES)
def test_a_gap_is_skipped_by_the_clock_and_nothing_else_is(zone: str) -> None:
    for gap in gaps_of(ZoneInfo(zone)):
        inside, before = gap.ends - timedelta(seconds=1), gap.begins - timedelta(seconds=1)
        assert [gap_at(local, ZoneInfo(zone)) for local in (before, gap.begins, inside, gap.ends)] == [
            None,
            gap,
            gap,
            None,
        ]
        assert instant_of(gap.begins, ZoneInfo(zone)) - instant_of(before, ZoneInfo(zone)) == gap.ends - before
        assert instant_of(inside, ZoneInfo(zone)) == gap.ends.replace(tzinfo=ZoneInfo(zone))
