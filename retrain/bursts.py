"""Bursts: photos of the same customer, which follow one another at a kiosk. One split for each prevents leakage.

Settings, options and reports call a burst a moment. The times come from the photos' ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from contracts.names import Reference, image_id_time

NO_WEEK: Final = "unknown"
APART_S: Final = 60.0  # maximum seconds from a photo to the next of its burst
# At noon a queue makes one chain of a hundred customers, and one golden photo would exclude them all from training. No
# customer stays for so long. A minute of a kiosk is never split.
LONGEST: Final = timedelta(minutes=5)


def burst_of(references: Iterable[Reference], *, apart_s: float = APART_S) -> dict[Reference, Reference]:
    """The burst of each photo, named by its first photo.

    A burst is a chain of one kiosk's photos, each within `apart_s` seconds of the next. A chain that has
    lasted LONGEST ends with its minute by the clock. A photo whose id holds no time is its own burst.
    """
    apart = timedelta(seconds=apart_s)
    bursts = {}
    for _, group in groupby(sorted(references), key=lambda reference: reference.kiosk_id):
        first: Reference | None = None
        began: datetime | None = None
        last: datetime | None = None
        for reference in group:  # ids of one kiosk sort by time
            taken = image_id_time(reference.image_id)
            if first is None or began is None or last is None or taken is None or _ends(began, last, taken, apart):
                first, began = reference, taken
            last = taken
            bursts[reference] = first
    return bursts


def _ends(began: datetime, last: datetime, taken: datetime, apart: timedelta) -> bool:
    """Whether a photo of the time `taken` is outside a burst whose first and last photos are of `began` and `last`."""
    return taken - last > apart or (taken - began >= LONGEST and _minute(taken) != _minute(last))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def iso_week(reference: Reference) -> str:
    """The ISO week of the photo by its kiosk's clock, as in `2026-W47`; NO_WEEK if its id holds no time."""
    taken = image_id_time(reference.image_id)
    if taken is None:
        return NO_WEEK
    year, number, _ = taken.isocalendar()
    return f"{year}-W{number:02}"
