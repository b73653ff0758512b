"""The decision of dispatch: which commands a batch of S3 events becomes."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.instants import from_epoch_ms, from_text
from contracts.names import IMAGE_PATTERN, Reference
from contracts.tickets import MAX_TICKETS, Ticket, from_line, to_line
from lambdas.dispatch import DispatchDecision, Infer, decide
from tests.lambdas.events import TEST_EVENT, announcing, batch, upload_of
from tests.strategies import references, ticket_instants

AT = from_text("2026-11-22T05:11:40.123Z")
LATER = from_text("2026-11-22T05:11:41.000Z")
PHOTO = Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")
OTHER = Reference("shop-2", "01jd8v2k5e9m3x7q4r6t0w1y30")

FOREIGN_KEYS = ("uploads/", "uploads/demo/", "uploads/demo/cat.jpg", "uploads/Démo/ä b+c.jpg", "results/x.json")
MALFORMED = (
    "",
    "not json",
    "null",
    "[]",
    "{}",
    '"Records"',
    "[" * 100_000,
    '{"Records": [{"s3": {"object": {}}}]}',
    announcing(upload_of(PHOTO, AT)).replace("2026-11-22T", "yesterday "),
    announcing(upload_of(PHOTO, from_epoch_ms(0))),
    json.dumps({"Records": [{"s3": {"object": {"key": 7}}, "eventTime": "2026-11-22T05:11:40.123Z"}]}),
)

uploads = st.lists(st.tuples(references, ticket_instants), max_size=4)
foreign = st.sampled_from(FOREIGN_KEYS)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, list[tuple[Reference, object]], int | None]:
    """A body, the photos that it announces, and how many foreign keys; None of them for a body that is no S3 event."""
    kind = draw(st.sampled_from(["event", "event", "event", "test", "malformed"]))
    if kind == "test":
        return TEST_EVENT, [], 0
    if kind == "malformed":
        return draw(st.sampled_from(MALFORMED)), [], None
    photos, strangers = draw(uploads), draw(st.lists(foreign, max_size=2))
    keys = [upload_of(*photo) for photo in photos] + [(key, AT) for key in strangers]
    return announcing(*draw(st.permutations(keys))), list(photos), len(strangers)


def test_a_photo_becomes_a_ticket_that_knows_when_its_upload_ended() -> None:
    """The ticket carries S3's own time, not ours."""
    decision = decide(batch([announcing(upload_of(PHOTO, AT))]))
    assert decision == DispatchDecision((Infer((Ticket(PHOTO, AT),), frozenset({"m0"})),), (), 0)


def test_a_photo_announced_twice_goes_once_with_its_earliest_upload() -> None:
    """S3 delivers at least once and in any order; both messages hang on the one command."""
    decision = decide(batch([announcing(upload_of(PHOTO, LATER)), announcing(upload_of(PHOTO, AT))]))
    assert decision == DispatchDecision((Infer((Ticket(PHOTO, AT),), frozenset({"m0", "m1"})),), (), 0)


def test_the_test_event_of_a_new_notification_asks_for_nothing() -> None:
    """S3 sends one when the bucket is connected to the queue; it is acknowledged."""
    assert decide(batch([TEST_EVENT])) == DispatchDecision((), (), 0)


@pytest.mark.parametrize("key", FOREIGN_KEYS)
def test_a_foreign_key_is_counted_and_its_neighbours_go_on(key: str) -> None:
    """A stray file under uploads/ is nobody's photo, now or later."""
    decision = decide(batch([announcing((key, AT), upload_of(OTHER, LATER))]))
    assert decision == DispatchDecision((Infer((Ticket(OTHER, LATER),), frozenset({"m0"})),), (), 1)


@pytest.mark.parametrize("body", MALFORMED)
def test_a_body_that_is_no_s3_event_is_named_and_its_neighbours_go_on(body: str) -> None:
    """One poisoned message must not take its batch with it."""
    decision = decide(batch([body, announcing(upload_of(PHOTO, AT))]))
    assert decision == DispatchDecision((Infer((Ticket(PHOTO, AT),), frozenset({"m1"})),), ("m0",), 0)


def test_a_key_is_decoded_as_s3_encodes_it() -> None:
    """S3 writes '+' for a space and %XX for the rest."""
    encoded = announcing(upload_of(PHOTO, AT)).replace("uploads/demo", "uploads%2Fdemo")
    assert decide(batch([encoded])).commands == (Infer((Ticket(PHOTO, AT),), frozenset({"m0"})),)


def test_a_wrong_suffix_still_reaches_the_worker() -> None:
    """A kiosk that uploads a .png or a .txt gets an answer, and the worker gives it."""
    assert decide(batch([announcing((f"uploads/{PHOTO}.txt", AT))])).commands[0].tickets == (Ticket(PHOTO, AT),)


def test_more_photos_than_a_command_carries_become_several_commands() -> None:
    """A message whose photos are in two commands hangs on both."""
    photos = [Reference("demo", f"{place:026d}") for place in range(MAX_TICKETS + 1)]
    decision = decide(batch([announcing(*(upload_of(photo, AT) for photo in photos))]))
    assert [[ticket.reference for ticket in command.tickets] for command in decision.commands] == [
        photos[:MAX_TICKETS],
        photos[MAX_TICKETS:],
    ]
    assert [command.requested_by for command in decision.commands] == [frozenset({"m0"})] * 2


@settings(max_examples=200)
@given(st.lists(bodies(), max_size=30))
def test_of_any_batch_every_photo_is_in_exactly_one_command(
    drawn: list[tuple[str, list[tuple[Reference, object]], int | None]],
) -> None:
    """And every message is malformed, or hangs on exactly the commands that carry its photos, or asks for nothing."""
    decision = decide(batch([body for body, _, _ in drawn]))

    announced = {reference for _, photos, _ in drawn for reference, _ in photos}
    carried = Counter(ticket.reference for command in decision.commands for ticket in command.tickets)
    assert carried == Counter(announced)
    for command in decision.commands:
        assert from_line(to_line(command.tickets)) == list(command.tickets)

    assert decision.malformed == tuple(f"m{place}" for place, (_, _, strange) in enumerate(drawn) if strange is None)
    assert decision.foreign == sum(strange or 0 for _, _, strange in drawn)
    for place, (_, photos, _) in enumerate(drawn):
        mine = {reference for reference, _ in photos}
        carrying = {command for command in decision.commands if mine & {one.reference for one in command.tickets}}
        assert {command for command in decision.commands if f"m{place}" in command.requested_by} == carrying


@given(st.text(f"0123456789{IMAGE_PATTERN}/.-@", max_size=60))
def test_no_key_whatever_breaks_a_batch(key: str) -> None:
    """A key is a photo's or it is counted as foreign; nothing else can happen."""
    decision = decide(batch([announcing((f"uploads/{key}", AT))]))
    assert len(decision.commands) + decision.foreign == 1
