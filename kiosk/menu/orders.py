"""The book of orders on the device: SQLite. An accepted order is on the disk before its receipt is on the screen."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from contracts.instants import to_text
from contracts.names import image_id_time
from kiosk.errors import OrdersUnreadable
from kiosk.menu.order import Order
from recipes.kiosk.labels import Label

log = logging.getLogger(__name__)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL UNIQUE, day TEXT NOT NULL, number INTEGER NOT NULL,
    at TEXT NOT NULL, hour INTEGER NOT NULL, label TEXT, confidence REAL, screen TEXT NOT NULL, language TEXT NOT NULL,
    seconds REAL, body TEXT NOT NULL, dishes TEXT NOT NULL, shown TEXT NOT NULL, synced INTEGER NOT NULL DEFAULT 0,
    UNIQUE (day, number)
);
CREATE INDEX IF NOT EXISTS unsynced ON orders (seq) WHERE synced = 0;
CREATE TABLE IF NOT EXISTS shown (visit TEXT PRIMARY KEY, dishes TEXT NOT NULL, at TEXT NOT NULL);
"""
_LONGEST_VISIT: Final = timedelta(days=1)
KEEP_DAYS: Final = 400  # a year of seasons and a month; older orders that the cloud has are deleted


class Suggested(Protocol):
    """A suggestion on the screen; see kiosk.menu.places.Place."""

    @property
    def dish(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """The number that the counter calls, from 1 each day, and when the order was accepted."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the suggestions learn from: an order's dishes, each once, and which of the suggested were on the screen.

    `hour` is the shop's, 0-23; `confidence` the label's, 0-1.
    """

    seq: int
    order_id: str
    at: datetime
    hour: int
    label: Label | None
    confidence: float | None
    dishes: tuple[str, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """A day's orders. `total` in won; `mean_seconds` from arrival to order; `top`: dishes by orders.

    `pending`: orders of all days that the cloud does not have yet.
    """

    orders: int
    total: int
    by_screen: Mapping[str, int]
    by_language: Mapping[str, int]
    mean_seconds: float | None
    top: tuple[tuple[str, int], ...]
    pending: int


class OrderBook:
    """The orders of one kiosk. Safe for threads; each method is one transaction of some milliseconds.

    `clock` gives the shop's local time with its zone: days, hours and receipt numbers follow it. A file that is no
    database is set aside and a new one begun, because the shop must sell; OrdersUnreadable when no file can be written.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise OrdersUnreadable(f"{path}: {error}; no order could be kept. Is the folder writable?") from error
        self._forget()

    def close(self) -> None:
        """Close the file. Orders are safe without it."""
        with self._lock:  # SQLite's own: a close in the middle of another thread's statement crashes the process
            self._db.close()

    def accept(self, order: Order, *, label: Label | None, confidence: float | None) -> Receipt:
        """Write the order down and number it; the same order_id again returns the receipt that it has."""
        now = self._clock()
        day = now.date().isoformat()
        with self._transaction() as db:
            known = db.execute("SELECT number, at FROM orders WHERE order_id = ?", [order.order_id]).fetchone()
            if known:
                return Receipt(known[0], datetime.fromisoformat(known[1]))
            (number,) = db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM orders WHERE day = ?", [day]).fetchone()
            shown = db.execute("DELETE FROM shown WHERE visit = ? RETURNING dishes", [order.visit]).fetchone()
            row = {
                "order_id": order.order_id,
                "day": day,
                "number": number,
                "at": now.isoformat(),
                "hour": now.hour,
                "label": label,
                "confidence": None if label is None else confidence,
                "screen": order.screen,
                "language": order.language,
                "seconds": _seconds(order.visit, now),
                # The visit stays out: nothing joins an order to anything else of that person.
                "body": json.dumps({k: v for k, v in asdict(order).items() if k not in ("order_id", "visit")}),
                "dishes": json.dumps(order.dishes),
                "shown": "[]" if shown is None else shown[0],
            }
            columns = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            db.execute(f"INSERT INTO orders ({columns}) VALUES ({values})", row)  # noqa: S608 - our own names
        return Receipt(number, now)

    def shown(self, visit: str, places: Iterable[Suggested]) -> None:
        """Note that these places were shown to a visit, beside those before. The visit's order takes the note with it.

        Without an order the note is deleted after a day.
        """
        now = self._clock()
        with self._transaction() as db:
            old = db.execute("SELECT dishes FROM shown WHERE visit = ?", [visit.lower()]).fetchone()
            dishes = list(dict.fromkeys([*(json.loads(old[0]) if old else ()), *(place.dish for place in places)]))
            db.execute(
                "INSERT OR REPLACE INTO shown VALUES (?, ?, ?)", [visit.lower(), json.dumps(dishes), to_text(now)]
            )
            db.execute("DELETE FROM shown WHERE at < ?", [to_text(now - _LONGEST_VISIT)])

    def after(self, seq: int) -> list[Ordered]:
        """The orders after number `seq` of this book (0: all), oldest first."""
        return self._ordered("seq > ? ORDER BY seq", seq)

    def pending(self, limit: int) -> list[Ordered]:
        """The oldest orders that the cloud does not have yet."""
        return self._ordered("synced = 0 ORDER BY seq LIMIT ?", limit)

    def waiting(self) -> int:
        """How many orders the cloud does not have yet."""
        with self._lock:
            count: int = self._db.execute("SELECT COUNT(*) FROM orders WHERE synced = 0").fetchone()[0]
        return count

    def mark_synced(self, order_ids: Sequence[str]) -> None:
        """The cloud has these orders."""
        with self._transaction() as db:
            db.executemany("UPDATE orders SET synced = 1 WHERE order_id = ?", [[id] for id in order_ids])

    def figures(self, day: date) -> Figures:
        """The figures of a day of the shop."""
        with self._lock:
            rows = self._db.execute(
                "SELECT screen, language, seconds, dishes, body FROM orders WHERE day = ?", [day.isoformat()]
            ).fetchall()
        seconds = [row[2] for row in rows if row[2] is not None]
        dishes = Counter(dish for row in rows for dish in json.loads(row[3]))
        return Figures(
            orders=len(rows),
            total=sum(json.loads(row[4])["total"] for row in rows),
            by_screen=dict(Counter(row[0] for row in rows)),
            by_language=dict(Counter(row[1] for row in rows)),
            mean_seconds=sum(seconds) / len(seconds) if seconds else None,
            top=tuple(sorted(dishes.items(), key=lambda item: (-item[1], item[0]))[:10]),
            pending=self.waiting(),
        )

    def _forget(self) -> None:
        oldest = (self._clock() - timedelta(days=KEEP_DAYS)).date().isoformat()
        with self._transaction() as db:
            db.execute("DELETE FROM orders WHERE synced = 1 AND day < ?", [oldest])

    def _ordered(self, where: str, value: int) -> list[Ordered]:
        columns = "seq, order_id, at, hour, label, confidence, dishes, shown"
        with self._lock:
            rows = self._db.execute(f"SELECT {columns} FROM orders WHERE {where}", [value]).fetchall()  # noqa: S608
        return [_from_row(*row) for row in rows]

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")  # may fail, too: a full disk
            except BaseException:
                if self._db.in_transaction:  # SQLite ends it itself after some errors
                    self._db.execute("ROLLBACK")
                raise


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connection(path)
    except sqlite3.OperationalError:  # locked, read-only, full: the file may be whole
        raise
    except sqlite3.DatabaseError as error:
        aside = next(name for n in range(1, 1000) if not (name := path.with_name(f"{path.name}.damaged-{n}")).exists())
        path.rename(aside)
        for rest in ("-wal", "-shm"):  # of the damaged file; a new one must not replay them
            path.with_name(path.name + rest).unlink(missing_ok=True)
        log.error("%s is damaged (%s): set aside as %s; receipt numbers begin at 1 again", path, error, aside.name)
        return _connection(path)


def _connection(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # NORMAL may lose the last orders when the shop's power fails; FULL costs a flush an order.
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _from_row(*row: Any) -> Ordered:
    seq, order_id, at, hour, label, confidence, dishes, shown = row
    return Ordered(
        seq,
        order_id,
        datetime.fromisoformat(at),
        hour,
        None if label is None else Label(label),
        confidence,
        tuple(json.loads(dishes)),
        tuple(json.loads(shown)),
    )


def _seconds(visit: str | None, now: datetime) -> float | None:
    """Seconds since the visit began, which its ULID tells; None without one, or with a clock that was set meanwhile."""
    began = None if visit is None else image_id_time(visit)
    seconds = None if began is None else (now - began).total_seconds()
    return seconds if seconds is not None and 0 <= seconds < _LONGEST_VISIT.total_seconds() else None
