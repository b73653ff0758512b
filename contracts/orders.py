"""The table of orders in the cloud: counts of orders by kiosk, label and hour, and markers that count each order once.

    pk                         sk        attributes
    <kiosk>#<label>#<hour>     2026-11   orders, weight, dish:<dish> each a sum over the month; `weight` of confidences
    <kiosk>#order#<order id>   order     expires_at: Unix seconds, when DynamoDB deletes the marker

`<label>` is one of the four, or NO_LABEL; `<hour>` the shop's, 00-23. No item tells of one person: not when, what or
with whom. The kiosk's name leads each key, because IAM lets a kiosk write keys with its own name only. The keys are
written and read by recipes/kiosk/orders.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

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
