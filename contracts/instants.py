"""Points in time: aware UTC datetimes of whole milliseconds inside, RFC 3339 text on the wire."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ClosedSpans:
    """Spans of time in which the shop is closed although its week has it open; as text `from/to,from/to`.

    Instants, not dates: Lambda's runtime need not have the rules of every time zone, the operator's machine has.
    """

    spans: tuple[tuple[datetime, datetime], ...] = ()

    def __str__(self) -> str:
        # To the minute: a year's holidays must fit into a function's environment, which has 4 KB.
        return ",".join("/".join(f"{end.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for end in span) for span in self.spans)

    @classmethod
    def parse(cls, text: str) -> ClosedSpans:
        """From the text; InvalidMessage when a part of it is no time."""
        pairs = [span.partition("/") for span in text.split(",")]
        return cls(tuple((from_text(start), from_text(end)) for start, _, end in pairs))

    def __contains__(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.spans)
