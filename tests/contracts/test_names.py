"""Names on the wire: what is one, what is refused, and that nothing is lost between a name and its parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.errors import InvalidName
from contracts.names import (
    Reference,
    check_kiosk_id,
    image_id_time,
    label_topic,
    new_image_id,
    parse_result_key,
    parse_upload_key,
    swept_upload,
)
from contracts.tickets import MAX_TICKETS, Ticket, from_line, to_line
from tests.strategies import image_ids, kiosk_ids, references, tickets

NOON = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)


@given(references)
def test_a_reference_comes_back_from_its_text_and_from_each_of_its_keys(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference
    assert parse_upload_key(reference.upload_key) == reference
    assert parse_result_key(reference.result_key) == reference


@given(references)
def test_every_key_and_topic_is_made_of_letters_that_need_no_encoding(reference: Reference) -> None:
    names = [reference.upload_key, reference.result_key, *reference.pair_keys("auto"), label_topic(reference.kiosk_id)]
    assert set("".join(names)) <= set("abcdefghijklmnopqrstuvwxyz0123456789/._-")


@given(st.text())
@example("uploads/demo/../../results/x.json")
@example("uploads/demo/01Jd8V2k5e9m3x7q4r6t0w1y2z.jpg")
@example("uploads/Demo/01jd8v2k5e9m3x7q4r6t0w1y2z.jpg")
@example("uploads/demo/01jd8v2k5e9m3x7q4r6t0w1y2z.jpg\n")
@example("uploads/demo/01jd8v2k5e9m3x7q4r6t0w1y2i.jpg")
@example("uploads//01jd8v2k5e9m3x7q4r6t0w1y2z.jpg")
def test_no_other_text_is_the_key_of_an_upload(text: str) -> None:
    with pytest.raises(InvalidName, match=r"write to uploads/<kiosk>/<image>\.jpg"):
        parse_upload_key(text)


@pytest.mark.parametrize("suffix", ["", ".txt", ".jpeg", ".png", ".JPG", ".Jpeg"])
def test_an_upload_under_another_suffix_still_names_its_photo_so_that_the_kiosk_can_be_told(suffix: str) -> None:
    key = f"uploads/demo/01jd8v2k5e9m3x7q4r6t0w1y2z{suffix}"
    assert parse_upload_key(key) == Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")


@given(references, st.sampled_from(["", ".jpg", ".JPG", ".JPEG", ".heic"]))
def test_an_image_id_in_capitals_names_its_photo_for_an_answer_and_is_in_no_sweep(
    reference: Reference, suffix: str
) -> None:
    """S3 lists capitals before the rest, and a sweep reads a sorted listing."""
    capitals = reference.image_id.upper()
    key = f"uploads/{reference.kiosk_id}/{capitals}{suffix}"
    assert parse_upload_key(key) == reference
    if capitals == reference.image_id:
        assert swept_upload(key) == reference
    else:
        with pytest.raises(InvalidName, match="in capitals"):
            swept_upload(key)


@pytest.mark.parametrize("text", ["", "Demo", "a" * 33, "shop/1", "shop 1", "shop_1", "커피", "demo\n", "+", "#"])
def test_a_kiosk_id_of_other_letters_or_lengths_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="is not a kiosk id"):
        check_kiosk_id(text)


@given(kiosk_ids)
@example("worker")
@example("-")
@example("0" * 32)
def test_every_text_of_a_kiosk_ids_letters_is_one_and_has_a_topic_of_its_own(kiosk_id: str) -> None:
    """No name is set apart: kiosks' topics have three levels, workers' have four."""
    assert check_kiosk_id(kiosk_id) == kiosk_id
    assert label_topic(kiosk_id).split("/") == ["nunchi", kiosk_id, "label"]


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(lambda t: t.replace(tzinfo=UTC)))
def test_an_image_id_holds_the_millisecond_in_which_it_was_made(instant: datetime) -> None:
    made = image_id_time(new_image_id(instant))
    assert made == instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)), st.integers(1, 10**9))
def test_image_ids_sort_by_time(instant: datetime, later_ms: int) -> None:
    first = instant.replace(tzinfo=UTC)
    assert new_image_id(first, b"\xff" * 10) < new_image_id(first + timedelta(milliseconds=later_ms), bytes(10))


def test_the_image_id_of_a_known_time_and_randomness_is_known() -> None:
    assert new_image_id(NOON, bytes(range(10))) == "01m81j18kv000g40r40m30e209"


@given(image_ids)
def test_a_drawn_image_id_is_accepted_whatever_time_it_seems_to_hold(image_id: str) -> None:
    instant = image_id_time(image_id)
    assert instant is None or instant.tzinfo is UTC


@given(st.lists(tickets, min_size=1, max_size=MAX_TICKETS, unique_by=lambda ticket: ticket.reference))
def test_tickets_come_back_from_their_line(given_tickets: list[Ticket]) -> None:
    assert from_line(to_line(given_tickets)) == given_tickets


def test_a_photo_named_twice_in_a_line_is_one_ticket() -> None:
    ticket = Ticket(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"), NOON)
    assert from_line(f"{ticket} {ticket.reference}") == [ticket]


@given(st.text())
@example("demo/01jd8v2k5e9m3x7q4r6t0w1y2z; rm -rf /")
@example("$(touch /tmp/x)")
@example("demo/01jd8v2k5e9m3x7q4r6t0w1y2z\n")
@example("demo/01jd8v2k5e9m3x7q4r6t0w1y2z  demo/01jd8v2k5e9m3x7q4r6t0w1y2z")
@example("demo/01jd8v2k5e9m3x7q4r6t0w1y2z@12")
def test_no_other_text_is_a_line_of_tickets(text: str) -> None:
    with pytest.raises(InvalidName, match="is not a list of tickets"):
        from_line(text)


def test_a_command_carries_no_more_tickets_than_it_may() -> None:
    many = [Ticket(Reference("demo", new_image_id(NOON, bytes([n, *range(9)])))) for n in range(MAX_TICKETS + 1)]
    with pytest.raises(InvalidName, match="1 to 50 tickets, not 51"):
        to_line(many)
    assert len(to_line(many[:-1]).split(" ")) == MAX_TICKETS
