"""What is valid in nunchi.toml and yet may not be meant, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from config.clock_changes import gap_at
from config.instance_types import DEFAULT_PROCESSOR, has_gpu, is_new
from config.mode import Mode
from config.nunchi_toml import Config
from config.opening_hours import DAYS, Weekday
from config.sections import HoursSettings

SHORT_LEAD_MINUTES: Final = 5
_AHEAD = timedelta(days=366)


def remarks(config: Config, *, at: datetime) -> list[str]:
    """A sentence for each, at a given time."""
    return [
        *_short_lead(config),
        *_windows(config.hours),
        *_closed_dates(config.hours, at),
        *_skipped_starts(config.hours, at),
        *_new(config),
        *_unused_gpu(config),
    ]


def _short_lead(config: Config) -> Iterator[str]:
    """Of mode `command` it was seen elsewhere, of mode `queue` docs/scaling.md assumes it.

    github.com/CIROH-UA/ngen-datastream/pull/361 (registered after 127 s),
    github.com/aws/network-flow-monitor-agent/pull/117 (a State Manager association on new AL2023 machines, 62 s).
    """
    if (lead := config.hours.boot_lead_minutes) >= SHORT_LEAD_MINUTES or config.hours.week.always_running:
        return
    why = (
        "agents of Run Command were seen to register more than two minutes after a start, and on a new machine to hold "
        "commands back for another"
        if config.mode is Mode.COMMAND
        else "a new instance needs some three and a half minutes to boot"
    )
    yield (
        f"boot_lead_minutes: {lead} may be too few, and the day's first customers then get no label: {why}; "
        f"write {SHORT_LEAD_MINUTES} or more"
    )


def _windows(hours: HoursSettings) -> Iterator[str]:
    """Openings that are one; and pauses that the instance runs through."""
    for texts, days in groupby(DAYS, key=lambda day: tuple(_merged_of(hours, day))):
        named = list(days)
        span = named[0] if len(named) == 1 else f"{named[0]} to {named[-1]}"
        yield from (f"{span}: {text}" for text in texts)
    around = hours.boot_lead_minutes + hours.linger_minutes
    short = {
        second[0] - first[0] - first[1]
        for first, second in pairwise(hours.week.openings)
        if 0 < second[0] - first[0] - first[1] <= around
    }
    if short:
        yield (
            f"the instance runs through pauses of {' and '.join(map(str, sorted(short)))} minutes: a start and a stop "
            f"take {around}, boot_lead_minutes and linger_minutes together"
        )


def _merged_of(hours: HoursSettings, day: Weekday) -> Iterator[str]:
    windows = sorted(hours.windows_of(day), key=lambda window: window.opens)
    for first, second in pairwise(windows):
        if second.opens <= first.closes:
            how = "touch" if second.opens == first.closes else "overlap"
            yield f"the windows {first} and {second} {how}, so they are one opening"


def _closed_dates(hours: HoursSettings, at: datetime) -> Iterator[str]:
    today = at.astimezone(hours.zone_info).date()
    for day, count in sorted(Counter(hours.closed_dates).items()):
        weekday = DAYS[day.weekday()]
        if count > 1:
            yield f"closed_dates: {day} is there {count} times"
        if day < today:
            yield f"closed_dates: {day} has passed; remove it"
        elif not hours.windows_of(weekday):
            yield f"closed_dates: {day} is a {weekday.title()}, on which the shop is closed in every week"
        elif _runs_through(hours, at=datetime(day.year, day.month, day.day)):
            yield (
                f"closed_dates: the instance runs on {day} all the same: between that date's opening and one on "
                "another date it does not stop in an ordinary week"
            )


def _runs_through(hours: HoursSettings, *, at: datetime) -> bool:
    day = at.date()
    if hours.week.always_running:
        return True
    return any(
        day in run.days and not run.is_closed(hours.closed_dates)
        for ago in range(-1, 9)
        for run in hours.week.runs_from(day - timedelta(days=ago), hours.zone_info)
    )


def _skipped_starts(hours: HoursSettings, at: datetime) -> Iterator[str]:
    """The next start that the clock skips."""
    zone, begin = hours.zone_info, at.astimezone(hours.zone_info).date()
    for ahead in range(_AHEAD.days):
        day = begin + timedelta(days=ahead)
        for start, ends, _ in hours.week.local_runs(day):
            gap = gap_at(start, zone)
            if gap is not None and gap.ends < ends:
                yield (
                    f"on {day} the clock skips {start:%H:%M}: the instance starts at {gap.ends:%H:%M}, up to "
                    f"{hours.boot_lead_minutes} minutes late"
                )
                return


def _new(config: Config) -> Iterator[str]:
    for section, name in (("inference", config.inference.instance_type), ("training", config.training_type)):
        if is_new(name):
            yield f"{section}.instance_type: {name} is newer than this version of Nunchi; see that your region has it"
    if config.hours.zone.startswith(("Etc/GMT+", "Etc/GMT-")):
        offset = f"{datetime(2026, 1, 1, tzinfo=config.hours.zone_info):%z}"
        yield f"hours.zone: {config.hours.zone} is UTC{offset}, with the opposite sign; a zone with a place is safer"


def _unused_gpu(config: Config) -> Iterator[str]:
    kind = config.training_type
    if has_gpu(kind) and not config.needs_trainer:
        yield (
            f"training.instance_type: a retraining of the recipe {config.recipe} teaches heads, which use no GPU, and "
            f"{kind} has one; empty, the type is {DEFAULT_PROCESSOR}"
        )
