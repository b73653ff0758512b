"""What of a photo's name decides where it goes: its moment, its week, and draws that never change.

Draws are made from names instead of at random: the same photo is drawn again tomorrow, however many have come since,
and a larger share holds every photo of a smaller one.
"""

from __future__ import annotations

import hashlib
from typing import Final

from contracts.names import Reference, image_id_time

NO_WEEK: Final = "unknown"


def moment(reference: Reference) -> str:
    """The kiosk and the minute: photos of one moment show the same people, and never judge what they taught.

    A photo whose id holds no time is a moment of its own.
    """
    taken = image_id_time(reference.image_id)
    minute = reference.image_id if taken is None else f"{taken:%Y-%m-%dT%H:%M}"
    return f"{reference.kiosk_id} {minute}"


def week(reference: Reference) -> str:
    """The ISO week of the photo by its kiosk's clock, as in `2026-W47`; NO_WEEK if its id tells none."""
    taken = image_id_time(reference.image_id)
    if taken is None:
        return NO_WEEK
    year, number, _ = taken.isocalendar()
    return f"{year}-W{number:02}"


def drawn(purpose: str, name: str) -> float:
    """A number from 0 up to 1, evenly spread over names; draws for two purposes say nothing of each other."""
    digest = hashlib.sha256(f"{purpose}\n{name}".encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)  # 48 bits: a float holds every one of them
