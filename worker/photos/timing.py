"""The times of a photo: captured, uploaded, received; and how long each step took."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contracts.names import Reference, image_id_time
from contracts.tickets import Ticket

# S3 refuses requests signed by a clock that is off by more (RequestTimeTooSkewed): an id with a larger gap is invented.
PLAUSIBLE_LATENESS: Final = timedelta(minutes=15)
# S3 cuts LastModified to the second, and an event's time is taken a little later than the object's.
LAST_MODIFIED_SLACK: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class PhotoTimes:
    """The instants of a photo before the worker received it; `upload_ms` and `dispatch_ms` are None where unknown."""

    captured_at: datetime
    uploaded_at: datetime
    upload_ms: float | None
    dispatch_ms: float | None


def times_of(ticket: Ticket, *, last_modified: datetime, received_at: datetime) -> PhotoTimes:
    """The times of a photo from S3's `last_modified`, refined by its ticket and its image id.

    S3's clock is trusted. The ticket adds its milliseconds when the two agree; the kiosk's clock, which wrote the image
    id, gives the time of capture when that is plausible.
    """
    uploaded_at, exact = last_modified, False
    if ticket.uploaded_at and last_modified <= ticket.uploaded_at <= last_modified + LAST_MODIFIED_SLACK:
        uploaded_at, exact = ticket.uploaded_at, True
    captured_at = _captured_at(ticket.reference, uploaded_at, slack=timedelta(0) if exact else timedelta(seconds=1))
    return PhotoTimes(
        captured_at=captured_at or uploaded_at,
        uploaded_at=uploaded_at,
        upload_ms=max(0.0, _ms(uploaded_at - captured_at)) if captured_at and exact else None,
        dispatch_ms=max(0.0, _ms(received_at - uploaded_at)) if exact else None,
    )


def _captured_at(reference: Reference, uploaded_at: datetime, *, slack: timedelta) -> datetime | None:
    captured_at = image_id_time(reference.image_id)
    if captured_at is None or not -slack <= uploaded_at - captured_at <= PLAUSIBLE_LATENESS:
        return None
    return captured_at


class Stopwatch:
    """Splits a photo's time into consecutive steps without gaps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._seconds: dict[str, float] = defaultdict(float)

    def lap(self, step: str) -> None:
        """Add the time since the last lap to `step`; a step may have several laps."""
        now = time.perf_counter()
        self._seconds[step] += now - self._last
        self._last = now

    @property
    def seconds(self) -> dict[str, float]:
        return dict(self._seconds)


def _ms(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)
