"""Orders on their way from the device into the cloud's counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from kiosk.menu.orders import OrderBook, Ordered
from kiosk.menu.sync import BATCH, OrdersTable, OrderSync
from recipes.kiosk.labels import Label
from tests.kiosk.menu.orders import NOON, order, ordered, ulid
from tests.waiting import until_async

pytestmark = pytest.mark.anyio
OFFLINE = EndpointConnectionError(endpoint_url="https://dynamodb.example")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "TransactWriteItems")


class Table:
    """The cloud's table: counts, or fails as the test says; `fails` by order id, or for the first tries."""

    def __init__(self, *first: Exception, fails: dict[str, Exception] | None = None) -> None:
        self.counted: list[str] = []
        self._first, self._fails = list(first), fails or {}

    def count(self, ordered: Ordered) -> None:
        if self._first:
            raise self._first.pop(0)
        if ordered.order_id in self._fails:
            raise self._fails[ordered.order_id]
        self.counted.append(ordered.order_id)


class Waits:
    """Backoff without a wait: the tries whose waits were asked for."""

    def __init__(self) -> None:
        self.attempts: list[int] = []

    def __call__(self, attempt: int) -> float:
        self.attempts.append(attempt)
        return 0.0


@pytest.fixture
def book(tmp_path: Path) -> Iterator[OrderBook]:
    with closing(OrderBook(tmp_path / "orders.sqlite", lambda: NOON)) as opened:
        yield opened


def accept(book: OrderBook, *numbers: int) -> list[str]:
    for number in numbers:
        book.accept(order(number=number), label=None, confidence=None)
    return [ulid(number) for number in numbers]


async def run_until(sync: OrderSync, done: Any) -> None:
    running = asyncio.create_task(sync.run())
    try:
        await until_async(lambda: done() or running.done())
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_pending_orders_are_counted_oldest_first_and_then_each_new_one_at_once(book: OrderBook) -> None:
    """More than one batch after a weekend without a network."""
    ids, table = accept(book, *range(1, BATCH + 3)), Table()
    sync = OrderSync(book, table)
    running = asyncio.create_task(sync.run())
    await until_async(lambda: not book.pending(1))
    ids += accept(book, 1000)
    sync.notice()
    await until_async(lambda: not book.pending(1))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert table.counted == ids


@pytest.mark.parametrize(
    "failure", [OFFLINE, refused("AccessDeniedException"), refused("ThrottlingException"), RuntimeError("a bug")]
)
async def test_whatever_fails_the_orders_stay_pending_and_are_tried_again(book: OrderBook, failure: Exception) -> None:
    """With longer and longer waits; the shop goes on selling, and health says why."""
    ids, table, waits = accept(book, 1, 2), Table(failure, failure, failure), Waits()
    seen: list[str | None] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        seen.append(sync.failing)
        assert [pending.order_id for pending in book.pending(9)] == ids
        await sleep(seconds)

    sync = OrderSync(book, table, wait_s=waits, sleep=noted)
    await run_until(sync, lambda: not book.pending(1) and sync.failing is None)
    assert (table.counted, waits.attempts, sync.failing) == (ids, [0, 1, 2], None)
    assert seen == [f"{type(failure).__name__}: {failure}"] * 3


async def test_an_order_that_the_table_can_not_hold_does_not_stop_those_behind_it(book: OrderBook) -> None:
    """It stays on the device, and the log names it."""
    first, second = accept(book, 1, 2)
    table = Table(fails={first: refused("ValidationException")})
    await run_until(OrderSync(book, table), lambda: len(book.pending(9)) == 1)
    assert (table.counted, [pending.order_id for pending in book.pending(9)]) == ([second], [first])


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """A table as infra/pipeline/orders.py describes it, in moto."""
    with mock_aws():
        client: Any = boto3.client(  # pyrefly: ignore
            "dynamodb", region_name="ap-northeast-2", aws_access_key_id="k", aws_secret_access_key="s"
        )
        client.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def items(dynamodb: Any) -> dict[str, dict[str, str]]:
    """Every item's values, by its key."""
    return {
        f"{item['pk']['S']} {item['sk']['S']}": {
            name: value["N"] for name, value in sorted(item.items()) if name not in ("pk", "sk")
        }
        for item in dynamodb.scan(TableName="orders")["Items"]
    }


async def test_an_order_is_counted_under_its_label_and_hour_once_however_often_it_is_asked(dynamodb: Any) -> None:
    """Its marker is written with it, and expires after 30 days."""
    table = OrdersTable(dynamodb, table="orders", kiosk_id="shop1")
    for one in (
        ordered("gimbap", "cola", seq=1, label=Label.ELDER_FEMALE, confidence=0.5, hour=9),
        ordered("gimbap", seq=2, label=Label.ELDER_FEMALE, confidence=0.25, hour=9),
        ordered("udon", seq=3, label=None, confidence=None, hour=23),
    ):
        for _ in range(3):
            table.count(one)
    expires = str(int(NOON.timestamp()) + 30 * 86_400)
    assert items(dynamodb) == {
        "shop1#elder_female#09 2026-11": {"dish:cola": "1", "dish:gimbap": "2", "orders": "2", "weight": "0.75"},
        "shop1#none#23 2026-11": {"dish:udon": "1", "orders": "1", "weight": "0"},
        **{f"shop1#order#{ulid(n)} order": {"expires_at": expires} for n in (1, 2, 3)},
    }


async def test_a_refusal_for_another_reason_is_an_error(dynamodb: Any) -> None:
    """An order is counted or it is pending: never neither."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        OrdersTable(dynamodb, table="other", kiosk_id="shop1").count(ordered("gimbap"))
