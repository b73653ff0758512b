"""The real engine in its process, through the port: what synthetic voices say is heard, and talk puts nothing.

The clips are spoken by Kokoro (voice_build); they were chosen among those that are heard, so they measure nothing:
docs/voice-card.md has the figures. `make voice` installs the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import Sequence
from pathlib import Path

import pytest

from kiosk.menu.menu import Menu
from kiosk.voice.port import Heard, Listening
from kiosk.voice.process import DEFAULT_PYTHON, EngineVoice, Patience, voice
from kiosk.voice.words import forms_of_dishes
from tests.waiting import until_async

CLIPS = Path(__file__).parents[1] / "clips"
CHUNK = 3200
BUSY = Patience(ready=600, answer=120, write=120)  # bounds for a busy machine, never a measurement
ORDER, ANSWER, PLACE = ("dish", "count", "again", "done"), ("yes_no",), ("here_away",)
SAID = (
    ("tteokbokki-one", ORDER, Heard("understood", ("tteokbokki", "count-1"))),
    ("tuna-gimbap", ORDER, Heard("understood", ("tuna-gimbap",))),
    ("kimchi-bokkeumbap", ORDER, Heard("understood", ("kimchi-bokkeumbap",))),
    ("yes", ANSWER, Heard("understood", ("yes",))),
    ("no", ANSWER, Heard("understood", ("no",))),
    ("away", PLACE, Heard("understood", ("away",))),
    ("cancel", ORDER, Heard("cancelled", ())),
    ("cancel", ANSWER, Heard("cancelled", ())),
    ("babble", ORDER, Heard("nothing", ())),
    ("babble", ANSWER, Heard("nothing", ())),
    ("", ORDER, Heard("nothing", ())),
)

pytestmark = pytest.mark.skipif(
    not DEFAULT_PYTHON.is_file(), reason="the voice engine is an extra and is not installed; `make voice` installs it"
)


def pcm(clip: str) -> bytes:
    """The samples of a clip; three seconds of silence for ""."""
    if not clip:
        return bytes(3 * 32_000)
    with wave.open(str(CLIPS / f"{clip}.wav")) as file:
        samples: bytes = file.readframes(file.getnframes())
        return samples


async def listen(engine: EngineVoice, id: str, clip: str, expect: Sequence[str]) -> Heard:
    sound = pcm(clip)
    await engine.start(Listening(id, "ko", tuple(expect), None))
    for at in range(0, len(sound), CHUNK):
        await engine.feed(id, sound[at : at + CHUNK])
    return await engine.stop(id)


def test_words_are_heard_and_talk_puts_nothing() -> None:
    """One engine, one listening after another, in the states of the dialogue."""
    dishes = forms_of_dishes((dish.id, dish.name.ko) for dish in Menu.load().dishes)

    async def all_of_them() -> list[Heard]:
        engine = voice(dishes, patience=BUSY)
        assert isinstance(engine, EngineVoice)
        running = asyncio.create_task(engine.run())
        try:
            await until_async(lambda: engine.available)
            return [await listen(engine, f"{at}", clip, expect) for at, (clip, expect, _) in enumerate(SAID)]
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    assert asyncio.run(all_of_them()) == [heard for _, _, heard in SAID]
