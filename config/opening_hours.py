"""The shop's opening hours, and the cron expressions by which its instance starts, stops, and is stopped again.

A week is a ring of 7 x 1440 minutes of local time that begins on Monday at 00:00. Windows that touch, overlap or pass
midnight are merged. Only `should_run` and `next_start` use dates and time zones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
HOUR: Final = 60
LEASE_AFTER: Final = HOUR  # the most that an instance may outlive its window
LEASE_UNTIL: Final = 10  # minutes before a start in which nothing is stopped


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


class Week:
    """The opening hours of a week, and the schedules that follow from them."""

    def __init__(
        self, windows: Mapping[Weekday, Iterable[Window]], *, lead_minutes: int = 0, linger_minutes: int = 0
    ) -> None:
        self._open = merged(
            (
                (DAY * DAYS.index(day) + window.opens, window.closes - window.opens)
                for day in windows
                for window in windows[day]
            ),
            WEEK,
        )
        # When an instance runs. It keeps running when the shop reopens soon.
        around = lead_minutes + linger_minutes
        self._running = merged(((start - lead_minutes, length + around) for start, length in self._open), WEEK)

    @property
    def running_hours(self) -> float:
        """Hours a week in which an instance runs, lead and linger included."""
        return sum(length for _, length in self._running) / HOUR

    @property
    def starts(self) -> list[str]:
        """Cron expressions of EventBridge Scheduler for starting; none when the shop never closes."""
        return [] if self.always_running else crons(start for start, _ in self._running)

    @property
    def stops(self) -> list[str]:
        """Cron expressions for stopping, after the last customers."""
        return [] if self.always_running else crons(start + length for start, length in self._running)

    @property
    def leases(self) -> list[str]:
        """Cron expressions for stopping what still runs: an hour after the stop, and each hour from then on.

        None in the minutes before the next start: an instance that is stopping can't be started.
        """
        if self.always_running:
            return []
        return crons(
            minute
            for start, length in gaps(self._running, WEEK)
            for minute in range(start + LEASE_AFTER, start + length - LEASE_UNTIL + 1, HOUR)
        )

    @property
    def probes(self) -> list[str]:
        """Cron expressions for probing whether the worker is ready: every five minutes, from the opening on."""
        return crons(minute for start, length in self._open for minute in range(start, start + length, 5))

    @property
    def always_running(self) -> bool:
        """Whether the instance never stops."""
        return any(length >= WEEK for _, length in self._running)

    def should_run(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether the instance should run at an instant."""
        return _covers(self._running, _minute_of_week(at, zone))

    def next_start(self, at: datetime, zone: ZoneInfo, *, closed: Iterable[date] = ()) -> datetime | None:
        """When the instance starts next after `at`, on a day that is not closed; None when it never does.

        In local time, as the schedules: both agree on the days when daylight saving time begins or ends.
        """
        local, holidays = at.astimezone(zone), frozenset(closed)
        if self.always_running:
            return None
        for ahead in range(8 + len(holidays)):
            day = local.date() + timedelta(days=ahead)
            for start in sorted(start % WEEK for start, _ in self._running):
                if start // DAY == day.weekday() and day not in holidays:
                    moment = datetime(day.year, day.month, day.day, *divmod(start % DAY, HOUR), tzinfo=zone)
                    if moment > local:
                        return moment
        return None


def crons(minutes: Iterable[int]) -> list[str]:
    """As few cron expressions as name exactly these minutes of the week, in a fixed order."""
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
        f"cron({_list(of_minutes)} {_list(hours)} ? * {_day_list(of_days)} *)"
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


def _covers(spans: list[tuple[int, int]], minute: int) -> bool:
    return any((minute - start) % WEEK < length for start, length in spans)


def _minute_of_week(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return DAY * local.weekday() + HOUR * local.hour + local.minute


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
