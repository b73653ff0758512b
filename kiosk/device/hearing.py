"""Push to talk: one listening at a time, ended by the page or by time, whatever the engine does."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from kiosk.errors import VoiceMissing
from kiosk.screen.events import Events
from kiosk.voice.port import Heard, Listening, Voice

log = logging.getLogger(__name__)

ENGINE_S: Final = 5.0  # an engine that takes longer hangs: the customer touches instead


class Hearing:
    """Publishes `heard`. `voice` None: no engine is installed. `seconds`: of one push."""

    def __init__(self, voice: Voice | None, events: Events, *, seconds: float) -> None:
        self._voice, self._events, self._seconds = voice, events, seconds
        self._listening: str | None = None
        self._end: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        """Whether the button is shown."""
        return self._voice is not None and self._voice.available

    async def start(self, listening: Listening) -> None:
        """Begin; VoiceMissing without an engine, or when it does not start."""
        if self._voice is None or not self._voice.available:
            raise VoiceMissing("no voice engine is installed or ready; everything is touched instead")
        self._forget()
        try:
            async with asyncio.timeout(ENGINE_S):
                await self._voice.start(listening)
        except Exception as error:
            log.exception("the voice engine does not listen")
            raise VoiceMissing(f"the voice engine does not listen: {type(error).__name__}") from error
        self._listening = listening.id
        self._end = asyncio.create_task(self._in_time(listening.id), name="listening")
        self._publish(listening.id, "listening", ())

    async def feed(self, id: str, pcm: bytes) -> None:
        """More sound; of another listening it is ignored."""
        if self._voice is not None and id == self._listening:
            try:
                async with asyncio.timeout(ENGINE_S):
                    await self._voice.feed(id, pcm)
            except Exception:
                log.exception("the voice engine takes no sound")

    async def stop(self, id: str) -> None:
        """The end: publish what was heard, once."""
        if self._voice is None or id != self._listening:
            return
        self._listening = None
        try:
            async with asyncio.timeout(ENGINE_S):
                heard = await self._voice.stop(id)
        except Exception:
            log.exception("the voice engine gives no answer")
            heard = Heard("nothing", ())
        self._publish(id, heard.status, heard.words)

    def _forget(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._listening = self._end = None

    async def _in_time(self, id: str) -> None:
        await asyncio.sleep(self._seconds + 1)  # the page ends it itself, unless it was reloaded
        await self.stop(id)

    def _publish(self, id: str, status: str, words: tuple[str, ...]) -> None:
        self._events.publish("heard", {"listening": id, "status": status, "words": list(words)})
