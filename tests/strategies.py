"""Hypothesis strategies for messages, tickets and their parts."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from contracts.boxes import Box
from contracts.instants import from_epoch_ms, to_epoch_ms
from contracts.messages import STEPS, DatasetTree, Model, Status
from contracts.names import CROCKFORD, Reference
from contracts.tickets import Ticket
from recipes.kiosk.answers import ADULT, ELDER, FEMALE, MALE, Answer, Answers
from recipes.kiosk.labels import LABELS
from recipes.kiosk.message import REASONS_OF, LabelMessage, Person, Result

kiosk_ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
# One number is drawn three times as quickly as 26 letters.
image_ids = st.integers(0, 32**26 - 1).map(
    lambda number: "".join(CROCKFORD[number >> 5 * place & 31] for place in reversed(range(26)))
)
references = st.builds(Reference, kiosk_ids, image_ids)
instants = st.integers(0, to_epoch_ms(datetime(9999, 1, 1, tzinfo=UTC))).map(from_epoch_ms)
# The range of a ticket's times: 13 digits of milliseconds, 2001 to 2286.
ticket_instants = st.integers(10**12, 10**13 - 1).map(from_epoch_ms)
tickets = st.builds(Ticket, references, st.none() | ticket_instants)
fractions = st.floats(0, 1, allow_nan=False)
labels = st.sampled_from(LABELS)
answers = st.builds(
    Answers,
    age=st.builds(Answer, st.sampled_from([ELDER, ADULT]), fractions),
    gender=st.builds(Answer, st.sampled_from([MALE, FEMALE]), fractions),
)
models = st.builds(Model, st.text(max_size=20), st.text(max_size=20), st.text("0123456789abcdef", max_size=64))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted(draw(st.lists(fractions, min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(fractions, min_size=2, max_size=2, unique=True)))
    return Box(x0, y0, x1, y1)


persons = st.builds(Person, labels, fractions, boxes(), answers=st.none() | answers)


@st.composite
def messages(draw: st.DrawFn) -> LabelMessage:
    status = draw(st.sampled_from(Status))
    seen = status in (Status.LABELLED, Status.UNSURE)
    people = draw(st.lists(persons, min_size=seen, max_size=3 * seen))
    customer = draw(st.integers(0, len(people) - 1)) if people else None
    person = people[customer] if customer is not None else None
    steps = st.dictionaries(st.sampled_from(STEPS) | st.text(max_size=10), st.floats(0, 1e6, allow_nan=False))
    return LabelMessage(
        reference=draw(references),
        status=status,
        label=person.label if person and status is Status.LABELLED else None,
        confidence=person.confidence if person else None,
        reason=None if status is Status.LABELLED else draw(st.sampled_from(sorted(REASONS_OF[status]))),
        people=tuple(people),
        customer=customer,
        model=draw(models),
        captured_at=draw(instants),
        expires_at=draw(instants),
        steps_ms=draw(steps),
    )


results = st.builds(
    Result,
    message=messages(),
    training=st.sampled_from(DatasetTree),
    instance_id=st.text(max_size=20),
    upload_etag=st.text(max_size=40),
    decided_at=instants,
)
