"""Bursts: photos that follow one another at a kiosk. They show the same customer, so they go into one split together.

The times come from the photos' ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from contracts.names import Reference, image_id_time

NO_WEEK: Final = "unknown"
APART_S: Final = 60.0  # seconds from a photo to the next of its moment, at most
# At noon a queue makes one chain of a hundred customers, and one golden photo would take them all out of training. No
# customer stands there for so long; and a minute of a kiosk is never cut in two.
LONGEST: Final = timedelta(minutes=5)


def burst_of(references: Iterable[Reference], *, apart_s: float = APART_S) -> dict[Reference, Reference]:
    """Each photo's moment, named by its first photo: a chain of one kiosk's photos, each within `apart_s` of the next.

    A chain that has lasted LONGEST ends with its minute by the clock. A photo whose id holds no time is a moment of
    its own.
    """
    apart = timedelta(seconds=apart_s)
    found = {}
    for _, group in groupby(sorted(references), key=lambda one: one.kiosk_id):
        first: Reference | None = None
        began: datetime | None = None
        last: datetime | None = None
        for reference in group:  # ids of one kiosk sort by time
            taken = image_id_time(reference.image_id)
            if first is None or began is None or last is None or taken is None or _ends(began, last, taken, apart):
                first, began = reference, taken
            last = taken
            found[reference] = first
    return found


def _ends(began: datetime, last: datetime, taken: datetime, apart: timedelta) -> bool:
    """Whether a photo of `taken` is no more of the chain that `began` then and whose `last` photo that was."""
    return taken - last > apart or (taken - began >= LONGEST and _minute(taken) != _minute(last))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def iso_week(reference: Reference) -> str:
    """The ISO week of the photo by its kiosk's clock, as in `2026-W47`; NO_WEEK if its id tells none."""
    taken = image_id_time(reference.image_id)
    if taken is None:
        return NO_WEEK
    year, number, _ = taken.isocalendar()
    return f"{year}-W{number:02}"
