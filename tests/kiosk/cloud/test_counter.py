"""A question and its answer, at the counter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from contracts.instants import now
from contracts.messages import Model, Reason, Status
from contracts.names import Reference, new_image_id
from kiosk.cloud.counter import Counter
from kiosk.errors import NoAnswer, SubscriptionRefused
from recipes.kiosk.message import LabelMessage

pytestmark = pytest.mark.anyio


def nobody(reference: Reference) -> LabelMessage:
    return LabelMessage(
        reference=reference,
        status=Status.NO_PERSON,
        label=None,
        confidence=None,
        reason=Reason.NO_FACE_FOUND,
        people=(),
        customer=None,
        model=Model("fake", "1", "0" * 64),
        captured_at=now(),
        expires_at=now() + timedelta(seconds=30),
    )


class Line:
    """Broker and worker in one: what is uploaded is answered, after what the test puts in between."""

    def __init__(
        self,
        *before: LabelMessage,
        answer: bool = True,
        refuse: bool = False,
        connects: bool = True,
        clock_off: timedelta = timedelta(0),
    ) -> None:
        self.subscribed = asyncio.Event()
        self.uploaded: list[bytes] = []
        self.named: list[Reference] = []
        self._clock_off = clock_off
        self._before, self._answer, self._refuse, self._connects = before, answer, refuse, connects
        self._queue: asyncio.Queue[LabelMessage] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def name(self, captured_at: datetime | None = None) -> Reference:
        self.named.append(Reference("demo", new_image_id(captured_at or now())))
        return self.named[-1]

    def upload(self, reference: Reference, photo: bytes, inputs: Mapping[str, str] | None = None) -> None:
        assert inputs is None, "a kiosk says nothing about its photos"
        assert self.subscribed.is_set(), "uploaded before anybody listened"
        self.uploaded.append(photo)
        own = nobody(reference)
        own = replace(own, expires_at=own.expires_at + self._clock_off)
        for message in (*self._before, *([own] if self._answer else [])):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, message)

    async def labels(self) -> AsyncIterator[LabelMessage]:
        if self._refuse:
            raise SubscriptionRefused("not yours")
        if self._connects:
            self.subscribed.set()
        while True:
            yield await self._queue.get()


async def test_a_photo_is_answered_by_its_own_label() -> None:
    """Labels of other photos, before it, are not acted upon."""
    stranger = nobody(Reference("demo", new_image_id(now())))
    line = Line(stranger, stranger)
    async with Counter(line, line).open(timeout_s=60) as counter:
        answer = await counter.ask(b"photo", timeout_s=60)
    assert line.uploaded == [b"photo"]
    assert answer.message.reference != stranger.reference
    assert 0 < answer.upload_ms <= answer.total_ms


async def test_several_photos_at_once_each_get_their_own() -> None:
    """They share one connection."""
    line = Line()
    async with Counter(line, line).open(timeout_s=60) as counter:
        answers = await asyncio.gather(*(counter.ask(b"photo", timeout_s=60) for _ in range(20)))
    assert len({answer.message.reference for answer in answers}) == 20


async def test_a_label_that_comes_twice_is_one_answer() -> None:
    """QoS 1 is at least once; the second is not asked for any more."""
    line = Line()
    async with Counter(line, line).open(timeout_s=60) as counter:
        first = await counter.ask(b"photo", timeout_s=60)
        line._before = (first.message, replace(first.message, steps_ms={"infer": 1.0}))
        second = await counter.ask(b"another", timeout_s=60)
    assert second.message.reference != first.message.reference


async def test_no_label_in_time_is_said_so() -> None:
    """And the counter goes on."""
    line = Line(answer=False)
    async with Counter(line, line).open(timeout_s=60) as counter:
        with pytest.raises(NoAnswer, match=r"no label for demo/\w+ within 0.05 s"):
            await counter.ask(b"photo", timeout_s=0.05)
        line._answer = True
        await counter.ask(b"photo", timeout_s=60)


async def test_a_label_that_comes_too_late_greets_nobody() -> None:
    """Its customer has gone; whoever asks next gets their own."""
    line = Line(answer=False)
    async with Counter(line, line).open(timeout_s=60) as counter:
        with pytest.raises(NoAnswer):
            await counter.ask(b"photo", timeout_s=0.05)
        late = nobody(line.named[0])
        line._before, line._answer = (late,), True
        answer = await counter.ask(b"another", timeout_s=60)
    assert answer.message.reference == line.named[1]


@pytest.mark.parametrize("off", [timedelta(days=-365), timedelta(days=365)])
async def test_a_label_in_time_is_an_answer_whatever_the_kiosks_clock_says(off: timedelta) -> None:
    """How late it is, a timer that began with the upload knows: no clock has to be right for that."""
    line = Line(clock_off=off)
    async with Counter(line, line).open(timeout_s=60) as counter:
        answer = await counter.ask(b"photo", timeout_s=60)
    assert answer.message.reference == line.named[0]


async def test_nothing_is_uploaded_while_nobody_can_listen() -> None:
    """A label that nobody hears helps no customer."""
    line = Line(connects=False)
    with pytest.raises(NoAnswer, match="the broker did not accept the subscription"):
        async with Counter(line, line).open(timeout_s=0.05) as counter:
            await counter.ask(b"photo", timeout_s=60)
    assert line.uploaded == []


async def test_a_refused_subscription_is_told_at_once() -> None:
    """Waiting would not help."""
    line = Line(refuse=True)
    with pytest.raises(SubscriptionRefused, match="not yours"):
        async with Counter(line, line).open(timeout_s=60):
            pass
