"""S3 events out of SQS bodies. What a batch of them becomes in dispatch is in tests/lambdas/test_decide.py."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.aws.s3_events import UploadEvent, read_event
from contracts.errors import InvalidMessage
from contracts.instants import from_text
from contracts.names import Reference
from contracts.tickets import Ticket
from tests.lambdas.events import TEST_EVENT, announcing, upload_of
from tests.lambdas.test_decide import FOREIGN_KEYS, MALFORMED
from tests.strategies import references, ticket_instants

AT = from_text("2026-11-22T05:11:40.123Z")
LATER = from_text("2026-11-22T05:11:41.000Z")
PHOTO = Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")


@given(st.dictionaries(references, ticket_instants, max_size=5), st.lists(st.sampled_from(FOREIGN_KEYS), max_size=3))
def test_an_event_announces_its_photos_and_counts_foreign_keys(
    uploads: dict[Reference, datetime], keys: list[str]
) -> None:
    body = announcing(*(upload_of(*one) for one in uploads.items()), *((key, AT) for key in keys))
    announcement = read_event(body)
    assert dict(announcement.uploads) == uploads
    assert announcement.tickets == tuple(Ticket(*one) for one in uploads.items())
    assert announcement.foreign == len(keys)


def test_a_photo_that_is_in_an_event_twice_has_its_earliest_upload() -> None:
    body = announcing(upload_of(PHOTO, LATER), upload_of(PHOTO, AT))
    assert read_event(body) == UploadEvent(((PHOTO, AT),))


def test_the_test_event_of_a_new_notification_announces_nothing() -> None:
    assert read_event(TEST_EVENT) == UploadEvent()


@pytest.mark.parametrize("body", MALFORMED)
def test_what_is_no_s3_event_is_refused_with_its_beginning(body: str) -> None:
    """A person who reads the log must find it among the dead letters."""
    with pytest.raises(InvalidMessage, match="is not an S3 event") as refused:
        read_event(body)
    assert repr(body[:40])[1:-1] in str(refused.value)
    assert len(str(refused.value)) < 500
