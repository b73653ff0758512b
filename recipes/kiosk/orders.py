"""The keys of the table of orders (contracts/orders.py): of a count, and of a marker."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import InvalidName
from contracts.names import check_image_id, check_kiosk_id
from contracts.orders import MARKER, NO_LABEL
from recipes.kiosk.labels import Label


@dataclass(frozen=True, slots=True)
class CountKey:
    """The key of a count: orders of one kiosk, label (None: without) and hour (0-23) in a month (`2026-11`)."""

    kiosk: str
    label: Label | None
    hour: int
    month: str

    @property
    def partition(self) -> str:
        return f"{check_kiosk_id(self.kiosk)}#{self.label or NO_LABEL}#{self.hour:02}"

    @classmethod
    def parse(cls, partition: str, month: str) -> CountKey | None:
        """From an item's keys; None for a marker. InvalidName for any other form."""
        parts = partition.split("#")
        if len(parts) == 3 and parts[1] == MARKER:
            return None
        try:
            kiosk, label, hour = parts
            found = cls(check_kiosk_id(kiosk), None if label == NO_LABEL else Label(label), int(hour), month)
        except ValueError:
            raise InvalidName(f"{partition!r} is not the key of a count: <kiosk>#<label>#<hour>") from None
        if found.partition != partition or not 0 <= found.hour < 24:
            raise InvalidName(f"{partition!r} is not the key of a count: its hour is no 00 to 23")
        return found


def marker_partition(kiosk: str, order_id: str) -> str:
    """The partition key of an order's marker."""
    return f"{check_kiosk_id(kiosk)}#{MARKER}#{check_image_id(order_id)}"
