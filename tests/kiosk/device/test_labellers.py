"""Where labels come from, and what a labeller that fails costs: its photo, and nothing else."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

from contracts.instants import now
from contracts.names import Reference, new_image_id
from kiosk.device.health import CloudState, Part, Trouble
from kiosk.device.labellers import UPLOADS_AT_ONCE, CloudLabeller, DeviceWhenLate
from kiosk.device.model_process import DeviceLabeller
from kiosk.errors import NoAnswer, NoLabeller, SubscriptionRefused
from recipes.kiosk.message import LabelMessage
from tests.kiosk.device.fake_labeller import FakeLabeller
from tests.kiosk.device.messages import person
from tests.waiting import until_async

T = TypeVar("T")


class FakeUploader:
    """Uploads by calling `upload_with`."""

    def __init__(self, upload_with: Callable[[Reference], None]) -> None:
        self.references: list[Reference] = []
        self._upload_with = upload_with

    def name(self, captured_at: datetime | None = None) -> Reference:
        return Reference("demo", new_image_id(captured_at or now()))

    def upload(self, reference: Reference, photo: bytes, inputs: Mapping[str, str] | None = None) -> None:  # noqa: ARG002
        self.references.append(reference)
        self._upload_with(reference)


class FakeSubscriber:
    """Gives the messages that a test puts; the first error instead of them, if any."""

    def __init__(self, error: Exception | None = None) -> None:
        self.subscribed = asyncio.Event()
        self.messages: asyncio.Queue[LabelMessage] = asyncio.Queue()
        self._error = error

    async def labels(self) -> AsyncIterator[LabelMessage]:
        if self._error is not None:
            raise self._error
        self.subscribed.set()
        while True:
            yield await self.messages.get()


def run(test: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(test)


def test_the_cloud_answers_about_the_photo_that_was_uploaded() -> None:
    """Answers of other photos are not taken for it."""

    async def test() -> tuple[LabelMessage, Reference, list[Trouble]]:
        subscriber = FakeSubscriber()
        loop = asyncio.get_running_loop()

        def answer(reference: Reference) -> None:
            for each in (person(0.1), replace(person(0.9), reference=reference)):
                loop.call_soon_threadsafe(subscriber.messages.put_nowait, each)

        uploader = FakeUploader(answer)
        labeller = CloudLabeller(uploader, subscriber, kiosk="demo", where="broker")
        running = asyncio.create_task(labeller.run())
        await until_async(subscriber.subscribed.is_set)
        message = await labeller.ask(b"jpeg", timeout_s=60)
        troubles = labeller.troubles
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return message, uploader.references[0], troubles

    message, reference, troubles = run(test())
    assert message == replace(person(0.9), reference=reference)
    assert troubles == []


def test_without_a_broker_no_photo_is_uploaded() -> None:
    """Its label could not arrive."""

    async def test() -> tuple[list[Reference], list[Trouble]]:
        uploader = FakeUploader(lambda _: None)
        labeller = CloudLabeller(uploader, FakeSubscriber(), kiosk="demo", where="broker")
        with pytest.raises(NoLabeller, match="no photo was uploaded"):
            await labeller.ask(b"jpeg", timeout_s=60)
        return uploader.references, labeller.troubles

    references, [trouble] = run(test())
    assert (references, trouble.part, trouble.state) == ([], Part.BROKER, CloudState.OFF)


def test_a_refused_upload_is_told_and_forgotten_with_the_next_answer() -> None:
    """A clock that is wrong, and then set."""

    async def test() -> list[list[Part]]:
        subscriber = FakeSubscriber()
        parts: list[list[Part]] = []
        loop = asyncio.get_running_loop()
        refused = [True]

        def upload(reference: Reference) -> None:
            if refused.pop() if refused else False:
                raise ClientError({"Error": {"Code": "RequestTimeTooSkewed", "Message": ""}}, "PutObject")
            message = replace(person(0.9), reference=reference)
            loop.call_soon_threadsafe(subscriber.messages.put_nowait, message)

        labeller = CloudLabeller(FakeUploader(upload), subscriber, kiosk="demo", where="broker")
        running = asyncio.create_task(labeller.run())
        await until_async(subscriber.subscribed.is_set)
        with pytest.raises(NoLabeller, match="RequestTimeTooSkewed"):
            await labeller.ask(b"jpeg", timeout_s=60)
        parts.append([trouble.part for trouble in labeller.troubles])
        await labeller.ask(b"jpeg", timeout_s=60)
        parts.append([trouble.part for trouble in labeller.troubles])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return parts

    assert run(test()) == [[Part.CLOCK], []]


def test_uploads_that_hang_do_not_pile_up() -> None:
    """Four threads hang in a network that swallows packets; the fifth photo is refused at once."""

    async def test() -> tuple[int, list[CloudState]]:
        hanging = threading.Event()

        def hang(_: Reference) -> None:
            hanging.wait(60)

        uploader = FakeUploader(hang)
        subscriber = FakeSubscriber()
        labeller = CloudLabeller(uploader, subscriber, kiosk="demo", where="broker")
        subscriber.subscribed.set()
        asks = [asyncio.create_task(labeller.ask(b"", timeout_s=60)) for _ in range(UPLOADS_AT_ONCE)]
        await until_async(lambda: len(uploader.references) == UPLOADS_AT_ONCE)
        with pytest.raises(NoLabeller, match="uploads hang"):
            await labeller.ask(b"", timeout_s=60)
        late = asyncio.create_task(labeller.ask(b"", timeout_s=0))
        await asyncio.gather(late, return_exceptions=True)
        hanging.set()
        for ask in asks:
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)
        return len(uploader.references), [trouble.state for trouble in labeller.troubles]

    uploads, _ = run(test())
    assert uploads == UPLOADS_AT_ONCE


def test_a_label_that_comes_too_late_is_no_answer() -> None:
    """And health says that the cloud is late."""

    async def test() -> list[Trouble]:
        subscriber = FakeSubscriber()
        subscriber.subscribed.set()
        labeller = CloudLabeller(FakeUploader(lambda _: None), subscriber, kiosk="demo", where="broker")
        with pytest.raises(NoAnswer):
            await labeller.ask(b"", timeout_s=0.01)
        return labeller.troubles

    [trouble] = run(test())
    assert (trouble.part, trouble.state) == (Part.LABELS, CloudState.LATE)


def test_a_key_that_the_broker_refuses_is_told_and_tried_again() -> None:
    """The operator may give the kiosk its rights back; the shop sells meanwhile."""

    async def test() -> tuple[list[Trouble], int]:
        pauses = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0.001)

        subscriber = FakeSubscriber(SubscriptionRefused("not this topic"))
        labeller = CloudLabeller(FakeUploader(lambda _: None), subscriber, kiosk="demo", where="broker", sleep=sleep)
        running = asyncio.create_task(labeller.run())
        await until_async(lambda: len(pauses) > 5)
        troubles = labeller.troubles
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return troubles, len(pauses)

    [trouble], _ = run(test())
    assert (trouble.part, trouble.state) == (Part.KEY, CloudState.REFUSED)


@pytest.mark.parametrize(
    ("cloud", "elder"),
    [
        (FakeLabeller(person(0.9)), 0.9),
        (FakeLabeller(person(0.9), after_s=30), 0.2),
        (FakeLabeller(NoLabeller("no network")), 0.2),
    ],
)
def test_the_box_answers_when_the_cloud_is_late_or_off(cloud: FakeLabeller, elder: float) -> None:
    """And only then: it is not asked while the cloud answers in time."""
    device = FakeLabeller(person(0.2))

    message = run(DeviceWhenLate(cloud, device, patience_s=0.05).ask(b"", timeout_s=20))

    assert message == person(elder)
    assert len(device.asked) == (elder == 0.2)


def test_the_box_gets_only_the_time_that_the_cloud_left() -> None:
    """Together they take no longer than either may."""
    cloud, device = FakeLabeller(person(0.9), after_s=30), FakeLabeller(person(0.2), after_s=30)

    with pytest.raises(NoAnswer):
        run(DeviceWhenLate(cloud, device, patience_s=0.05).ask(b"", timeout_s=0.1))
    assert device.asked[0] <= 0.06


# A stand-in for `python -m worker.on_device`: answers each photo with the line that the photo is.
ECHO = """
import struct, sys, time
print('{"model": {"name": "echo"}}', flush=True)
while head := sys.stdin.buffer.read(4):
    photo = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    if photo == b"die": sys.exit(3)
    if photo.startswith(b"slow "):
        time.sleep(0.3)
        photo = photo[5:]
    sys.stdout.buffer.write(photo + b"\\n"); sys.stdout.flush()
"""


async def _echo(test: Callable[[DeviceLabeller], Coroutine[Any, Any, T]]) -> T:
    labeller = DeviceLabeller([sys.executable, "-c", ECHO])
    running = asyncio.create_task(labeller.run())
    try:
        await until_async(lambda: not labeller.troubles)
        return await test(labeller)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_the_process_on_the_box_answers_in_order() -> None:
    """Several photos at once wait for each other."""
    messages = [person(value) for value in (0.1, 0.5, 0.9)]

    async def test(labeller: DeviceLabeller) -> list[LabelMessage]:
        return await asyncio.gather(*(labeller.ask(each.to_json().encode(), timeout_s=60) for each in messages))

    assert run(_echo(test)) == messages


def test_an_answer_that_came_too_late_is_not_taken_for_the_next() -> None:
    """The process finishes the photo, and its answer is read and dropped."""

    async def test(labeller: DeviceLabeller) -> LabelMessage:
        with pytest.raises(NoAnswer):
            await labeller.ask(b"slow " + person(0.1).to_json().encode(), timeout_s=0.05)
        return await labeller.ask(person(0.9).to_json().encode(), timeout_s=60)

    assert run(_echo(test)) == person(0.9)


@pytest.mark.parametrize("photo", [b"die", b"no message"])
def test_a_process_that_dies_or_talks_nonsense_is_started_again(photo: bytes) -> None:
    """It costs the photo in hand."""

    async def test(labeller: DeviceLabeller) -> tuple[list[Part], LabelMessage]:
        with pytest.raises(NoLabeller):
            await labeller.ask(photo, timeout_s=60)
        parts = [trouble.part for trouble in labeller.troubles]
        await until_async(lambda: not labeller.troubles)
        return parts, await labeller.ask(person(0.9).to_json().encode(), timeout_s=60)

    assert run(_echo(test)) == ([Part.MODEL], person(0.9))


def test_a_program_that_does_not_start_is_told() -> None:
    """The package of the worker is not installed on this box, say."""

    async def test() -> list[Trouble]:
        labeller = DeviceLabeller(["/nowhere/python"])
        running = asyncio.create_task(labeller.run())
        await until_async(lambda: "No such file" in labeller.troubles[0].sentence)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return labeller.troubles

    assert [trouble.part for trouble in run(test())] == [Part.MODEL]
