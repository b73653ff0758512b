"""The book of orders on the device."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.errors import OrdersUnreadable
from kiosk.menu.orders import KEEP_DAYS, Figures, OrderBook, Receipt
from recipes.kiosk.labels import Label
from tests.kiosk.menu.orders import NOON, order, places, ulid


class Clock:
    """A clock that a test sets."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@contextmanager
def opened(path: Path, clock: Callable[[], datetime] | None = None) -> Generator[OrderBook, None, None]:
    with closing(OrderBook(path, clock or Clock())) as book:
        yield book


def test_receipts_are_numbered_from_1_each_day(tmp_path: Path) -> None:
    """By the shop's clock; a number is short enough to be called."""
    clock = Clock()
    with opened(tmp_path / "orders.sqlite", clock) as book:
        first, second = (book.accept(order(number=n), label=None, confidence=None) for n in (1, 2))
        clock.at = NOON + timedelta(hours=12)
        next_day = book.accept(order(number=3), label=None, confidence=None)
    assert [first, second, next_day] == [Receipt(1, NOON), Receipt(2, NOON), Receipt(1, clock.at)]


def test_the_same_order_again_gets_the_receipt_that_it_has(tmp_path: Path) -> None:
    """A page that got no answer asks again; the kitchen cooks once."""
    clock = Clock()
    with opened(tmp_path / "orders.sqlite", clock) as book:
        receipt = book.accept(order(), label=None, confidence=None)
        clock.at += timedelta(days=1)
        assert book.accept(order(), label=Label.ADULT_MALE, confidence=0.9) == receipt
        assert len(book.after(0)) == 1


def test_an_order_keeps_label_hour_and_dishes_and_nothing_that_names_its_visit(tmp_path: Path) -> None:
    """No profile of a person: what was shown moves into the order, and the note under the visit's id is gone."""
    path = tmp_path / "orders.sqlite"
    visit = ulid(9, NOON - timedelta(seconds=80))
    with opened(path) as book:
        book.shown(visit, places("gimbap", "udon"))
        book.shown(visit, places("udon", "sundae"))
        book.accept(order("udon", "cola", visit=visit), label=Label.ELDER_MALE, confidence=0.8)
        [kept] = book.after(0)
        assert (kept.label, kept.confidence, kept.hour, kept.dishes, kept.shown) == (
            Label.ELDER_MALE,
            0.8,
            12,
            ("udon", "cola"),
            ("gimbap", "udon", "sundae"),
        )
        assert book.figures(NOON.date()).mean_seconds == 80
    with closing(sqlite3.connect(path)) as db:
        assert visit not in "\n".join(db.iterdump())


def test_what_was_shown_to_a_visit_without_an_order_is_forgotten_after_a_day(tmp_path: Path) -> None:
    path, clock = tmp_path / "orders.sqlite", Clock()
    with opened(path, clock) as book:
        book.shown(ulid(1), places("gimbap"))
        clock.at += timedelta(days=1, seconds=1)
        book.shown(ulid(2), places("udon"))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT visit FROM shown").fetchall() == [(ulid(2),)]


def test_figures_of_a_day_add_up(tmp_path: Path) -> None:
    with opened(tmp_path / "orders.sqlite") as book:
        book.accept(order("gimbap", "cola", number=1), label=None, confidence=None)
        book.accept(order("gimbap", number=2, screen="usual", language="en"), label=None, confidence=None)
        book.mark_synced([ulid(1)])
        assert book.figures(NOON.date()) == Figures(
            orders=2,
            total=10_000,
            by_screen={"easy": 1, "usual": 1},
            by_language={"ko": 1, "en": 1},
            mean_seconds=None,
            top=(("gimbap", 2), ("cola", 1)),
            pending=1,
        )
        assert book.figures(NOON.date() - timedelta(days=1)).orders == 0


def test_synced_orders_leave_the_device_after_400_days_and_others_stay(tmp_path: Path) -> None:
    """A kiosk without a network loses nothing by waiting."""
    path, clock = tmp_path / "orders.sqlite", Clock()
    with opened(path, clock) as book:
        for number in (1, 2):
            book.accept(order(number=number), label=None, confidence=None)
        book.mark_synced([ulid(1)])
    clock.at += timedelta(days=KEEP_DAYS + 1)
    with opened(path, clock) as book:
        assert [kept.order_id for kept in book.after(0)] == [ulid(2)]


def test_a_damaged_file_is_set_aside_and_the_shop_sells(tmp_path: Path) -> None:
    """Its bytes stay for a person to look at."""
    path = tmp_path / "orders.sqlite"
    path.write_bytes(b"no database" * 1000)
    with opened(path) as book:
        assert book.accept(order(), label=None, confidence=None).number == 1
    assert (tmp_path / "orders.sqlite.damaged-1").read_bytes() == b"no database" * 1000


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OrdersUnreadable, match="no order could be kept"):
        OrderBook(tmp_path / "file" / "orders.sqlite", Clock())


KILLED = """
import sys
from pathlib import Path
from kiosk.menu.orders import OrderBook
from tests.kiosk.menu.orders import NOON, order
book = OrderBook(Path(sys.argv[1]), lambda: NOON)
first = len(book.after(0)) + 1
for number in range(first, first + 10_000):
    print(book.accept(order(number=number), label=None, confidence=None).number, flush=True)
"""


def test_an_order_with_a_receipt_survives_kill_9(tmp_path: Path) -> None:
    """A restart loses no order and gives no number twice, however often the process is killed in the middle."""
    path = tmp_path / "orders.sqlite"
    receipts: list[int] = []
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        ) as seller:
            assert seller.stdout is not None
            receipts += [int(seller.stdout.readline()) for _ in range(20)]
            seller.send_signal(signal.SIGKILL)
            receipts += [int(line) for line in seller.stdout if line.endswith("\n")]
    with opened(path) as book:
        kept = len(book.after(0))
        assert book.figures(NOON.date()).orders == kept
        assert book.accept(order(number=99_999), label=None, confidence=None).number == kept + 1
    assert receipts == sorted(set(receipts))
    assert set(receipts) <= set(range(1, kept + 1))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("accept"), st.integers(1, 5)),
            st.tuples(st.just("sync"), st.integers(0, 3)),
            st.tuples(st.just("restart"), st.just(0)),
        ),
        max_size=25,
    )
)
def test_orders_restarts_and_syncs_in_any_order_lose_and_double_nothing(steps: list[tuple[str, int]]) -> None:
    """Every order id is in the book once, numbered in the order of arrival, and pending until it is marked."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.sqlite"
        book, accepted, synced = OrderBook(path, Clock()), list[str](), set[str]()
        for step, number in steps:
            if step == "accept":
                if ulid(number) not in accepted:
                    accepted.append(ulid(number))
                receipt = book.accept(order(number=number), label=None, confidence=None)
                assert receipt.number == accepted.index(ulid(number)) + 1
            elif step == "sync":
                ids = [pending.order_id for pending in book.pending(number)]
                assert ids == [id for id in accepted if id not in synced][:number]
                book.mark_synced(ids)
                synced.update(ids)
            else:
                book.close()
                book = OrderBook(path, Clock())
        assert [kept.order_id for kept in book.after(0)] == accepted
        assert [kept.order_id for kept in book.pending(100)] == [id for id in accepted if id not in synced]
        book.close()
