"""The engine's process: it is asked, it dies, it hangs, it is missing; the agent goes on in every case."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from kiosk.errors import VoiceMissing
from kiosk.voice.framing import MOST_SOUND
from kiosk.voice.port import Heard, Listening
from kiosk.voice.process import EngineVoice, Patience, voice
from kiosk.voice.silent import NoVoice
from tests.waiting import until_async

ENGINE = Path(__file__).with_name("fake_engine.py")
QUICK = Patience(ready=30, answer=0.3, write=1, end=1, again=(0.01, 0.02))
WAITING = Patience(ready=30, answer=30, write=5, end=5, again=(0.01, 0.02))


def listening(id: str = "01a", language: str = "ko") -> Listening:
    return Listening(id, language, ("dish", "count"), None)


@contextlib.asynccontextmanager
async def engine(behaviour: str = "", patience: Patience = WAITING) -> AsyncGenerator[EngineVoice]:
    voice = EngineVoice([sys.executable, str(ENGINE), behaviour], {"gimbap": ("김밥",)}, patience=patience)
    running = asyncio.create_task(voice.run())
    try:
        await until_async(lambda: voice.available)
        yield voice
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert not voice.available


def test_what_was_said_between_start_and_stop_is_heard() -> None:
    """Sound goes over in pieces; the answer has the engine's words in order."""

    async def say() -> Heard:
        async with engine() as voice:
            await voice.start(listening())
            await voice.feed("01a", b"gimbap ")
            await voice.feed("01a", b"count-2")
            return await voice.stop("01a")

    assert asyncio.run(say()) == Heard("understood", ("gimbap", "count-2"))


def test_silence_is_nothing() -> None:
    """A listening without sound puts nothing."""

    async def say() -> Heard:
        async with engine() as voice:
            await voice.start(listening())
            return await voice.stop("01a")

    assert asyncio.run(say()) == Heard("nothing", ())


def test_sound_of_a_dropped_listening_is_ignored() -> None:
    """A new start drops what runs: its sound and its stop mean nothing."""

    async def say() -> tuple[Heard, Heard]:
        async with engine() as voice:
            await voice.start(listening("01a"))
            await voice.feed("01a", b"gimbap ")
            await voice.start(listening("01b"))
            await voice.feed("01a", b"gimbap ")
            await voice.feed("01b", b"yes")
            return await voice.stop("01a"), await voice.stop("01b")

    assert asyncio.run(say()) == (Heard("nothing", ()), Heard("understood", ("yes",)))


def test_more_than_eight_seconds_of_sound_are_cut() -> None:
    """The engine never gets more than eight seconds of one listening."""

    async def say() -> Heard:
        async with engine() as voice:
            await voice.start(listening())
            await voice.feed("01a", b"yes" + b" " * MOST_SOUND)
            await voice.feed("01a", b"no")
            return await voice.stop("01a")

    assert asyncio.run(say()) == Heard("understood", ("yes",))


@pytest.mark.parametrize("behaviour", ["dies", "hangs", "babbles"])
def test_an_engine_that_fails_hears_nothing_and_is_started_again(behaviour: str) -> None:
    """It died, hung, or spoke no protocol: the listening ends with nothing, and soon another process listens."""

    async def fail() -> tuple[Heard, int, int]:
        async with engine(behaviour, QUICK) as voice:
            first = voice.pid
            await voice.start(listening())
            heard = await voice.stop("01a")
            await until_async(lambda: voice.available and voice.pid != first)
            return heard, first, voice.pid

    heard, first, second = asyncio.run(fail())

    assert heard == Heard("nothing", ())
    assert first != second


def test_without_a_living_engine_a_listening_is_refused() -> None:
    """The page hears at once that there is no voice, and shows no light."""
    dead = EngineVoice([sys.executable, str(ENGINE)], {})

    with pytest.raises(VoiceMissing, match="the voice engine is not there now; touch works"):
        asyncio.run(dead.start(listening()))


def test_a_language_that_the_engine_does_not_hear_is_refused() -> None:
    """Voice is Korean."""

    async def start() -> None:
        async with engine() as voice:
            await voice.start(listening(language="en"))

    with pytest.raises(VoiceMissing, match="voice hears ko, not en"):
        asyncio.run(start())


def test_the_pause_before_a_start_grows_for_an_engine_that_never_gets_ready() -> None:
    """From a second to a minute, so that a broken installation costs nothing."""
    pauses = list[float]()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            raise asyncio.CancelledError

    broken = EngineVoice([sys.executable, str(ENGINE), "refuses"], {}, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(broken.run())

    longest = [1, 2, 4, 8, 16, 32, 60, 60]
    assert [pause for pause, most in zip(pauses, longest, strict=True) if not most / 2 <= pause <= most] == []


def test_the_engine_ends_with_the_agent() -> None:
    """Its input ends with the process that started it."""

    async def run() -> int:
        async with engine() as voice:
            return voice.pid

    pid = asyncio.run(run())

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_kiosk_without_the_engine_has_no_voice(tmp_path: Path) -> None:
    """What is not installed is not available, and says what installs it."""
    none = voice({}, python=tmp_path / "bin" / "python")

    assert isinstance(none, NoVoice)
    assert not none.available
    with pytest.raises(VoiceMissing, match="`make voice` installs one"):
        asyncio.run(none.start(listening()))
    assert asyncio.run(none.stop("01a")) == Heard("nothing", ())
