"""Whose clock is believed when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from worker.photos.timing import PhotoTimes, times_of

SECOND = datetime(2026, 11, 22, 3, 0, 10, tzinfo=UTC)  # S3's LastModified, cut to the second
EXACT = SECOND + timedelta(milliseconds=640)
TAKEN = EXACT - timedelta(milliseconds=250)
RECEIVED = EXACT + timedelta(milliseconds=90)


def times(captured_at: datetime, uploaded_at: datetime | None, received_at: datetime = RECEIVED) -> PhotoTimes:
    ticket = Ticket(Reference("demo", new_image_id(captured_at)), uploaded_at)
    return times_of(ticket, last_modified=SECOND, received_at=received_at)


def test_with_a_ticket_every_millisecond_is_known() -> None:
    assert times(TAKEN, EXACT) == PhotoTimes(TAKEN, EXACT, upload_ms=250, dispatch_ms=90)


def test_a_photo_that_the_sweep_found_is_timed_by_s3_alone() -> None:
    assert times(TAKEN, None) == PhotoTimes(TAKEN, SECOND, upload_ms=None, dispatch_ms=None)


def test_an_implausible_image_id_gives_no_time() -> None:
    """Ids may be drawn, or come from a kiosk whose clock stands still; the label must still arrive."""
    assert times(SECOND - timedelta(days=365), EXACT) == PhotoTimes(EXACT, EXACT, upload_ms=None, dispatch_ms=90)


def test_a_kiosk_whose_clock_is_ahead_did_not_take_its_photo_after_the_upload() -> None:
    assert times(EXACT + timedelta(seconds=2), EXACT).captured_at == EXACT


def test_a_ticket_that_contradicts_s3_is_ignored() -> None:
    """As when a kiosk wrote its key again: the older event's time is not the newer picture's."""
    assert times(TAKEN, EXACT - timedelta(hours=1)).uploaded_at == SECOND
    assert times(TAKEN, EXACT + timedelta(hours=1)).uploaded_at == SECOND


def test_clocks_that_disagree_a_little_make_no_step_negative() -> None:
    assert times(TAKEN, EXACT, EXACT - timedelta(milliseconds=3)).dispatch_ms == 0
