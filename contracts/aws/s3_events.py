"""S3 upload events in the body of an SQS message, as the dispatch Lambda and the worker parse them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus

from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import from_epoch_ms, from_text
from contracts.names import Reference, parse_upload_key
from contracts.tickets import Ticket

# A ticket has room for 13 digits of milliseconds, 2001 to 2286: an event from outside of that did not come from S3.
_S3_TIMES: Final = (from_epoch_ms(10**12), from_epoch_ms(10**13 - 1))


@dataclass(frozen=True, slots=True)
class UploadEvent:
    """The uploads of an event, each photo once, with the end of its upload; and the keys that name no upload."""

    uploads: tuple[tuple[Reference, datetime], ...] = ()
    foreign_keys: tuple[str, ...] = ()

    @property
    def foreign(self) -> int:
        return len(self.foreign_keys)

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        return tuple(Ticket(reference, at) for reference, at in self.uploads)


def read_event(body: str) -> UploadEvent:
    """The uploads in an S3 event; empty for the test event of a new notification.

    Of a photo that is in it twice, the earliest upload counts. InvalidMessage when the body is not an S3 event; a body
    is read whole or not at all.
    """
    try:
        announced = _read(body)
    # RecursionError: a body of nothing but brackets must not take its whole batch down.
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        start = f"{body!s:.200}"  # a direct invocation may send another type, such as null
        raise InvalidMessage(f"{start!r} is not an S3 event ({type(error).__name__}: {error})") from None
    uploaded: dict[Reference, datetime] = {}
    foreign: list[str] = []
    for key, at in announced:
        try:
            reference = parse_upload_key(key)
        except InvalidName:
            foreign.append(key)
            continue
        uploaded[reference] = min(at, uploaded.get(reference, at))
    return UploadEvent(tuple(uploaded.items()), tuple(foreign))


def _read(body: str) -> list[tuple[str, datetime]]:
    event = json.loads(body)
    if event.get("Event") == "s3:TestEvent":
        return []
    announced = [
        (unquote_plus(record["s3"]["object"]["key"]), from_text(record["eventTime"])) for record in event["Records"]
    ]
    earliest, latest = _S3_TIMES
    if not all(earliest <= at <= latest for _, at in announced):
        raise ValueError("eventTime is outside the range of S3 events")
    return announced
