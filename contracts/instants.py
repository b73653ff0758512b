"""Points in time: aware UTC datetimes of whole milliseconds inside, RFC 3339 text on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contracts.errors import InvalidMessage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now() -> datetime:
    """The present, cut to milliseconds like every instant that goes over a wire."""
    return from_epoch_ms(to_epoch_ms(datetime.now(UTC)))


def from_epoch_ms(ms: int) -> datetime:
    """The instant `ms` milliseconds after 1970-01-01T00:00Z."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_epoch_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00Z; a naive datetime raises TypeError."""
    return (instant - _EPOCH) // _MILLISECOND


def to_text(instant: datetime) -> str:
    """RFC 3339 in UTC with three decimals, as in `2026-11-22T05:11:40.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The instant of an RFC 3339 text, cut to milliseconds.

    Raises InvalidMessage when the text is no time or names no zone.
    """
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidMessage(f"{text!r} is not a valid time; write it like 2026-11-22T05:11:40.123Z") from None
    if instant.tzinfo is None:
        raise InvalidMessage(f"{text!r} names no time zone; end it with Z")
    return from_epoch_ms(to_epoch_ms(instant))
