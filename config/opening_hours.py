"""The shop's opening hours, and the cron expressions by which its instance starts, stops, and is stopped again.

A week is a ring of 7 x 1440 minutes of local time that begins on Monday at 00:00. Windows that touch, overlap or pass
midnight are merged. `runs` gives the week its dates: holidays belong to the openings of a date, so an instance that
starts the evening before a holiday's opening at midnight does not run, and one that starts on a holiday for the next
day's opening does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

from config.clock_changes import gaps_of, instant_of, midnight_of

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
HOUR: Final = 60
LEASE_AFTER: Final = HOUR  # the most that an instance may outlive its window
LEASE_UNTIL: Final = 10  # minutes before a start in which nothing is stopped
REPEAT_EVERY: Final = 10  # minutes
REPEAT_UNTIL: Final = 10  # minutes before a stop in which no start is repeated: one that comes late would undo the stop


class Weekday(StrEnum):
    """The days, in the order of `datetime.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


DAYS: Final = tuple(Weekday)
_CRON_DAYS: Final = tuple(day.value[:3].upper() for day in DAYS)
_WINDOW: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Window:
    """Opening hours of a day, in minutes after its midnight; `closes` is after `opens`, and past DAY when it closes on
    the next day."""

    opens: int
    closes: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """From `08:00-20:00`, `18:00-02:00` (closes on the next day) or `00:00-24:00`; otherwise ValueError."""
        match = _WINDOW.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a window of opening hours; write it as 08:00-20:00")
        hour, minute, to_hour, to_minute = map(int, match.groups())
        opens, closes = HOUR * hour + minute, HOUR * to_hour + to_minute
        if closes > DAY:
            raise ValueError(f"{text!r}: a day ends at 24:00")
        if closes == opens:
            raise ValueError(f"{text!r} is empty; write 00:00-24:00 for a whole day")
        return cls(opens, closes if closes > opens else closes + DAY)

    def __str__(self) -> str:
        closes = self.closes if self.closes <= DAY else self.closes - DAY
        return f"{_clock(self.opens)}-{_clock(closes)}"


@dataclass(frozen=True, slots=True)
class Run:
    """One time from the start of the instance to its stop, in UTC; `days`: the dates of the openings in it."""

    starts: datetime
    ends: datetime
    days: frozenset[date]

    def is_closed(self, closed: Collection[date]) -> bool:
        """Whether every opening in it is on a closed date. If only some are, the instance runs: no other start follows
        in which it could begin later."""
        return self.days <= frozenset(closed)


class Week:
    """The opening hours of a week, and the schedules that follow from them."""

    def __init__(
        self, windows: Mapping[Weekday, Iterable[Window]], *, lead_minutes: int = 0, linger_minutes: int = 0
    ) -> None:
        # The openings as written: minute of the week, length.
        self.openings = sorted(
            (DAY * DAYS.index(day) + window.opens, window.closes - window.opens)
            for day in windows
            for window in windows[day]
        )
        self._open = merged(self.openings, WEEK)
        # When an instance runs, as (start, length). It keeps running when the shop reopens soon.
        around = lead_minutes + linger_minutes
        self.running = merged(((start - lead_minutes, length + around) for start, length in self._open), WEEK)

    @property
    def running_hours(self) -> float:
        """Hours a week in which an instance runs, lead and linger included."""
        return sum(length for _, length in self.running) / HOUR

    @property
    def starts(self) -> list[str]:
        """Cron expressions of EventBridge Scheduler for starting; none when the shop never closes."""
        return [] if self.always_running else crons(start for start, _ in self.running)

    @property
    def stops(self) -> list[str]:
        """Cron expressions for stopping, after the last customers."""
        return [] if self.always_running else crons(start + length for start, length in self.running)

    @property
    def leases(self) -> list[str]:
        """Cron expressions for stopping what still runs: an hour after the stop, and each hour from then on.

        None in the minutes before the next start: an instance that is stopping can't be started.
        """
        if self.always_running:
            return []
        return crons(
            minute
            for start, length in gaps(self.running, WEEK)
            for minute in range(start + LEASE_AFTER, start + length - LEASE_UNTIL + 1, HOUR)
        )

    @property
    def repeats(self) -> list[str]:
        """Cron expressions for repeating the start, on every tenth minute of the clock while an instance runs."""
        return crons(
            minute
            for start, length in self.running
            for minute in range(start, start + length - REPEAT_UNTIL + 1)
            if minute % REPEAT_EVERY == 0
        )

    @property
    def probes(self) -> list[str]:
        """Cron expressions for probing whether the worker is ready: every five minutes, from the opening on."""
        return crons(minute for start, length in self._open for minute in range(start, start + length, 5))

    @property
    def always_running(self) -> bool:
        """Whether the instance never stops."""
        return any(length >= WEEK for _, length in self.running)

    def starts_after_gaps(self, zone: ZoneInfo) -> list[str]:
        """Cron expressions for the starts that the clock skips in spring: at the end of the gap, in its month only.

        EventBridge Scheduler skips them, too. On the other days of these months the instance runs already at that time.
        """
        months: dict[int, set[int]] = {}  # by minute of the week
        for gap in gaps_of(zone):
            for begins, ends, _ in self.local_runs(gap.begins.date()):
                if begins in gap and gap.ends < ends:
                    minute = DAY * gap.ends.weekday() + HOUR * gap.ends.hour + gap.ends.minute
                    months.setdefault(minute, set()).add(gap.ends.month)
        by_months: dict[tuple[int, ...], set[int]] = {}
        for minute, of_minute in months.items():
            by_months.setdefault(tuple(sorted(of_minute)), set()).add(minute)
        return [cron for of_months, minutes in sorted(by_months.items()) for cron in crons(minutes, of_months)]

    def runs(self, first: date, zone: ZoneInfo) -> Iterator[Run]:
        """The runs of the instance that begin on the date or later, in order, without an end.

        None for a shop that never closes: its instance has no start.
        """
        if self.always_running:
            return
        for ahead in count():
            yield from self.runs_from(first + timedelta(days=ahead), zone)

    def runs_from(self, day: date, zone: ZoneInfo) -> Iterator[Run]:
        """The runs that begin on the date; a run whose every minute the clock skips does not happen."""
        for begins, ends, days in self.local_runs(day):
            starts, stops = instant_of(begins, zone).astimezone(UTC), instant_of(ends, zone).astimezone(UTC)
            if starts < stops:
                yield Run(starts, stops, days)

    def should_run(self, at: datetime, zone: ZoneInfo, *, closed: Collection[date] = ()) -> bool:
        """Whether the instance should run at an instant."""
        if self.always_running:
            return True
        today = at.astimezone(zone).date()
        return any(
            run.starts <= at < run.ends and not run.is_closed(closed)
            for ago in range(9)
            for run in self.runs_from(today - timedelta(days=ago - 1), zone)
        )

    def next_start(self, at: datetime, zone: ZoneInfo, *, closed: Collection[date] = ()) -> datetime | None:
        """When the instance starts next after `at` for an opening that is not closed; None when it never does.

        In the zone. A start that the clock skips is at the end of the gap; in an hour that comes twice, the first.
        """
        first = at.astimezone(zone).date() - timedelta(days=1)
        last = first + timedelta(weeks=len(closed) + 3)  # each week without a start has a closed date, or a gap
        for run in self.runs(first, zone):
            if run.starts > at and not run.is_closed(closed):
                return run.starts.astimezone(zone)
            if run.starts.date() > last:
                return None
        return None

    def closed_runs(self, closed: Collection[date], zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """From start to stop of each run in which every opening is on a closed date, in order, in UTC.

        Runs that follow each other are one span.
        """
        if self.always_running:
            return []
        # A run lasts less than a week; an opening is at most a day and a lead after its start.
        days = sorted({day + timedelta(days=ahead) for day in closed for ahead in range(-8, 2)})
        spans: list[tuple[datetime, datetime]] = []
        follows = False
        for before, day in zip([None, *days], days, strict=False):
            follows = follows and before is not None and day - before == timedelta(days=1)
            for run in self.runs_from(day, zone):
                if run.is_closed(closed):
                    begins = spans.pop()[0] if follows else run.starts
                    spans.append((begins, run.ends))
                follows = run.is_closed(closed)
        return spans

    def local_runs(self, day: date) -> Iterator[tuple[datetime, datetime, frozenset[date]]]:
        """Start and stop by the clock, and the openings' dates, of the runs that begin on the date."""
        for start, length in sorted((start % WEEK, length) for start, length in self.running):
            if start // DAY == day.weekday():
                begins = midnight_of(day) + timedelta(minutes=start % DAY)
                offsets = ((opens - start) % WEEK for opens, _ in self.openings)
                days = frozenset((begins + timedelta(minutes=at)).date() for at in offsets if at < length)
                yield begins, begins + timedelta(minutes=length), days


def crons(minutes: Iterable[int], months: Iterable[int] = ()) -> list[str]:
    """As few cron expressions as name exactly these minutes of the week, in a fixed order; in some months only."""
    of_months = _list(months) or "*"
    by_time: dict[tuple[int, int], set[int]] = {}
    for minute_of_week in minutes:
        day, rest = divmod(minute_of_week % WEEK, DAY)
        by_time.setdefault(divmod(rest, HOUR), set()).add(day)
    by_days: dict[tuple[int, frozenset[int]], list[int]] = {}
    for (hour, minute), days in sorted(by_time.items()):
        by_days.setdefault((minute, frozenset(days)), []).append(hour)
    by_hours: dict[tuple[tuple[int, ...], frozenset[int]], list[int]] = {}
    for (minute, of_days), hours in sorted(by_days.items(), key=lambda item: (item[1], item[0][0], sorted(item[0][1]))):
        by_hours.setdefault((tuple(hours), of_days), []).append(minute)
    return [
        f"cron({_list(of_minutes)} {_list(hours)} ? {of_months} {_day_list(of_days)} *)"
        for (hours, of_days), of_minutes in by_hours.items()
    ]


def merged(spans: Iterable[tuple[int, int]], ring: int) -> list[tuple[int, int]]:
    """The spans (start, length) merged on a ring of so many minutes, in order; (0, ring) when they fill it."""
    covered = bytearray(ring)
    for start, length in spans:
        for minute in range(start, start + min(length, ring)):
            covered[minute % ring] = 1
    if all(covered):
        return [(0, ring)]
    starts = [minute for minute in range(ring) if covered[minute] and not covered[minute - 1]]
    ends = [minute for minute in range(ring) if not covered[minute] and covered[minute - 1]]
    return [(start, min((end - start) % ring for end in ends)) for start in starts]


def gaps(spans: list[tuple[int, int]], ring: int) -> list[tuple[int, int]]:
    """The spans (start, length) between those that `merged` returned for the ring."""
    following = [*(start for start, _ in spans[1:]), *(start + ring for start, _ in spans[:1])]
    return [(start + length, then - start - length) for (start, length), then in zip(spans, following, strict=True)]


def _list(numbers: Iterable[int]) -> str:
    """Numbers as cron writes them: `0-7,21`."""
    ordered = sorted(numbers)
    runs: list[tuple[int, int]] = []
    for number in ordered:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _day_list(days: Iterable[int]) -> str:
    numbers = sorted(days)
    return "*" if len(numbers) == 7 else ",".join(_CRON_DAYS[number] for number in numbers)


def _clock(minute: int) -> str:
    return f"{minute // HOUR:02d}:{minute % HOUR:02d}"
