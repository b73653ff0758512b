"""The table of orders in the cloud: counts of orders by kiosk, label and hour, and markers that count each order once.

    pk                         sk        attributes
    <kiosk>#<label>#<hour>     2026-11   orders, weight, dish:<dish> each a sum over the month; `weight` of confidences
    <kiosk>#order#<order id>   order     expires_at: Unix seconds, when DynamoDB deletes the marker

`<label>` is one of the four, or NO_LABEL; `<hour>` the shop's, 00-23. No item tells of one person: not when, what or
with whom. The kiosk's name leads each key, because IAM lets a kiosk write keys with its own name only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from contracts.errors import InvalidName
from contracts.labels import Label
from contracts.names import check_image_id, check_kiosk_id

PARTITION: Final = "pk"
SORT: Final = "sk"
EXPIRY: Final = "expires_at"
ORDERS: Final = "orders"
WEIGHT: Final = "weight"
DISH: Final = "dish:"
NO_LABEL: Final = "none"
MARKER: Final = "order"
# How long an order is known to be counted. A kiosk asks again within minutes; after a month of no network, one order
# whose answer was lost may count twice.
MARKER_KEPT: Final = timedelta(days=30)


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
