"""Counts the orders of the book in the cloud's table, each once, whenever the network is there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from contracts.aws.errors import error_code
from contracts.formulas.backoff import full_jitter
from contracts.names import check_kiosk_id
from contracts.orders import DISH, EXPIRY, MARKER, MARKER_KEPT, ORDERS, PARTITION, SORT, WEIGHT
from kiosk.menu.orders import Ordered
from recipes.kiosk.orders import CountKey, marker_partition

log = logging.getLogger(__name__)

BATCH: Final = 25
POLL_S: Final = 30.0  # how soon an order is counted that nobody announced
# Of one order, and not of the network or of the kiosk's rights: the others behind it are counted.
_UNCOUNTABLE: Final = frozenset({"ValidationException", "ItemCollectionSizeLimitExceededException"})
_CANCELED: Final = "TransactionCanceledException"


class WritesItems(Protocol):
    """The DynamoDB call of a kiosk."""

    def transact_write_items(self, *, TransactItems: Any, ClientRequestToken: str) -> Any:
        """Write all items or none; raises what boto3 raises."""
        ...


class CountsOrders(Protocol):
    """Counts an order in the cloud; see OrdersTable."""

    def count(self, ordered: Ordered) -> None: ...


class PendingOrders(Protocol):
    """The orders that the cloud does not have; see kiosk.menu.orders.OrderBook."""

    def pending(self, limit: int) -> list[Ordered]: ...

    def mark_synced(self, order_ids: list[str]) -> None: ...


class OrdersTable:
    """The cloud's table, for one kiosk: what is written, and under which keys, is in recipes/kiosk/orders.py."""

    def __init__(self, dynamodb: WritesItems, *, table: str, kiosk_id: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._kiosk = check_kiosk_id(kiosk_id)

    def count(self, ordered: Ordered) -> None:
        """Add the order to its count, once however often it is asked; raises what boto3 raises.

        Marker and count are one transaction: with the marker there the order is counted, without it it is not.
        """
        try:
            self._dynamodb.transact_write_items(
                TransactItems=[{"Put": self._marker(ordered)}, {"Update": self._count(ordered)}],
                ClientRequestToken=ordered.order_id,
            )
        except Exception as error:
            if not _counted_before(error):
                raise

    def _marker(self, ordered: Ordered) -> dict[str, Any]:
        expires = int((ordered.at + MARKER_KEPT).timestamp())
        return {
            "TableName": self._table,
            "Item": {
                PARTITION: {"S": marker_partition(self._kiosk, ordered.order_id)},
                SORT: {"S": MARKER},
                EXPIRY: {"N": str(expires)},
            },
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": PARTITION},
        }

    def _count(self, ordered: Ordered) -> dict[str, Any]:
        key = CountKey(self._kiosk, ordered.label, ordered.hour, f"{ordered.at:%Y-%m}")
        # Without a label there is nothing to be sure of.
        weight = 0.0 if ordered.label is None else 1.0 if ordered.confidence is None else ordered.confidence
        names = {"#o": ORDERS, "#w": WEIGHT} | {f"#d{n}": f"{DISH}{dish}" for n, dish in enumerate(ordered.dishes)}
        added = ["#o :one", "#w :weight", *(f"#d{n} :one" for n in range(len(ordered.dishes)))]
        return {
            "TableName": self._table,
            "Key": {PARTITION: {"S": key.partition}, SORT: {"S": key.month}},
            "UpdateExpression": f"ADD {', '.join(added)}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":weight": {"N": f"{weight:.4g}"}},
        }


class OrderSync:
    """Counts pending orders in the background. An order stays pending until the cloud has it.

    `failing`: why the last try failed, as AWS or the network says; None when it did not.
    """

    def __init__(
        self,
        book: PendingOrders,
        table: CountsOrders,
        *,
        wait_s: Callable[[int], float] = full_jitter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._book = book
        self._table = table
        self._wait_s = wait_s
        self._sleep = sleep
        self._ordered = asyncio.Event()
        self._uncountable: set[str] = set()
        self.failing: str | None = None

    def notice(self) -> None:
        """An order was accepted: count it now, not at the next look."""
        self._ordered.set()

    async def run(self) -> None:
        """Until cancelled. No error ends it: the shop sells without the cloud."""
        attempt = 0
        while True:
            self._ordered.clear()
            try:
                more = await self._batch()
            except Exception as error:  # noqa: BLE001 - whatever it is, the orders stay pending and are tried again
                self._failed(error)
                await self._sleep(self._wait_s(attempt))
                attempt += 1
                continue
            self.failing, attempt = None, 0
            if not more:
                await self._until_ordered()

    async def _batch(self) -> bool:
        """Count the oldest pending orders; whether there were any."""
        orders = await asyncio.to_thread(self._book.pending, BATCH + len(self._uncountable))
        orders = [ordered for ordered in orders if ordered.order_id not in self._uncountable]
        for ordered in orders:
            try:
                await asyncio.to_thread(self._table.count, ordered)
            except Exception as error:
                if error_code(error) not in _UNCOUNTABLE:
                    raise
                self._uncountable.add(ordered.order_id)
                log.error("order %s can't be counted in the cloud: %s; the others are", ordered.order_id, error)
                continue
            await asyncio.to_thread(self._book.mark_synced, [ordered.order_id])
        return bool(orders)

    async def _until_ordered(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._ordered.wait()

    def _failed(self, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        if why != self.failing:  # a shop without a network for a night writes one line, not thousands
            log.warning("orders are not counted in the cloud for now, they wait on this device: %s", why)
        self.failing = why


def _counted_before(error: Exception) -> bool:
    """Whether the transaction was refused because the order's marker exists."""
    if error_code(error) != _CANCELED:
        return False
    response: dict[str, Any] = getattr(error, "response", {})
    reasons = response.get("CancellationReasons") or [{}]
    return bool(reasons[0].get("Code") == "ConditionalCheckFailed")
