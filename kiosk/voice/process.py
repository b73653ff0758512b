"""The agent's side of the voice: starts the engine's process, talks with it, starts it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kiosk.errors import InvalidFrame, VoiceMissing
from kiosk.voice import framing
from kiosk.voice.port import Heard, Listening, Voice
from kiosk.voice.silent import NOTHING, NoVoice
from kiosk.voice.words import Forms

log = logging.getLogger(__name__)
ROOT: Final = Path(__file__).parents[2]
DEFAULT_PYTHON: Final = ROOT / ".venv-voice" / "bin" / "python"
LANGUAGES: Final = ("ko",)  # that the engine hears


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds. `again`: the first and the longest pause before a dead engine is started again."""

    ready: float = 60.0
    answer: float = 4.0
    write: float = 2.0
    end: float = 2.0
    again: tuple[float, float] = (1.0, 60.0)


class EngineVoice:
    """A voice in a process of its own. `run` keeps the process alive; the other methods never wait long for it."""

    def __init__(
        self,
        command: Sequence[str],
        dishes: Forms,
        *,
        patience: Patience = Patience(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`command` starts the engine; `dishes`: dish id → spoken forms (kiosk.voice.words.forms_of_dishes)."""
        self._command, self._dishes, self._patience, self._sleep = tuple(command), dishes, patience, sleep
        self._process: asyncio.subprocess.Process | None = None
        self._listening: str | None = None
        self._sound = 0
        self._answer: asyncio.Future[dict[str, Any]] | None = None

    @property
    def available(self) -> bool:
        """Whether the engine is loaded and alive."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process that listens now, 0 for none."""
        return self._process.pid if self._process is not None else 0

    async def run(self) -> None:
        """Start the engine, and again after it died, until cancelled. A pause between two starts grows to a minute."""
        first, longest = self._patience.again
        pause = first
        while True:
            if await self._serve():
                pause = first
            await self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (a pause, no secret)
            pause = min(2 * pause, longest)

    async def start(self, listening: Listening) -> None:
        """Begin to listen. Raises VoiceMissing when there is no engine now, or none for the language."""
        if listening.language not in LANGUAGES:
            raise VoiceMissing(f"voice hears {', '.join(LANGUAGES)}, not {listening.language}; touch works")
        self._listening, self._sound = listening.id, 0
        await self._write(
            {
                "do": "start",
                "id": listening.id,
                "language": listening.language,
                "expect": listening.expect,
                "dish": listening.dish,
            }
        )

    async def feed(self, id: str, pcm: bytes) -> None:
        """More sound, at most eight seconds of one listening. An engine that died is noticed at `stop`."""
        pcm = pcm[: framing.MOST_SOUND - self._sound]
        if id != self._listening or not pcm:
            return
        self._sound += len(pcm)
        with contextlib.suppress(VoiceMissing):
            await self._write({"do": "feed", "id": id}, pcm)

    async def stop(self, id: str) -> Heard:
        """What was heard; nothing when the engine died or does not answer in time, which ends it."""
        if id != self._listening:
            return NOTHING
        self._listening = None
        self._answer = asyncio.get_running_loop().create_future()
        try:
            await self._write({"do": "stop", "id": id})
            fields = await asyncio.wait_for(self._answer, self._patience.answer)
            if fields.get("id") == id:
                return Heard(fields["status"], tuple(fields["words"]))
        except VoiceMissing:
            pass
        except TimeoutError:
            log.warning("voice: the engine gave no answer in %s s; it is started again", self._patience.answer)
            self._kill()
        finally:
            self._answer = None
        return NOTHING

    async def _serve(self) -> bool:
        """One life of the engine; whether it was ready to listen. Ends it in every case."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=framing.MOST_HEADER,
                env=_environment(),
                cwd=ROOT,
            )
        except OSError as error:
            log.warning("voice: %s does not start (%s); everything is touched meanwhile", self._command[0], error)
            return False
        try:
            return await self._live(process)
        finally:
            self._process = None
            await self._end(process)

    async def _live(self, process: asyncio.subprocess.Process) -> bool:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  (both are pipes)
        words = [[dish, list(forms)] for dish, forms in self._dishes.items()]
        try:
            process.stdin.write(framing.frame({"do": "menu", "words": words}))
            line = await asyncio.wait_for(process.stdout.readline(), self._patience.ready)
            ready = framing.header(line)
        except (TimeoutError, InvalidFrame, ConnectionError) as error:
            log.warning("voice: the engine does not get ready (%r); it is started again", error)
            return False
        if unheard := ready.get("unheard"):
            log.warning("voice: no word of the lexicon and no head for %s; they are touched", ", ".join(unheard))
        self._process = process
        with contextlib.suppress(InvalidFrame, ConnectionError, ValueError):
            while line := await process.stdout.readline():
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(framing.header(line))
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(VoiceMissing("the voice engine died while it listened"))
        log.warning("voice: the engine ended; it is started again")
        return True

    async def _write(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise VoiceMissing("the voice engine is not there now; touch works, and it is started again")
        try:
            process.stdin.write(framing.frame(header, body))
            await asyncio.wait_for(process.stdin.drain(), self._patience.write)
        except (ConnectionError, TimeoutError) as error:
            self._kill()
            raise VoiceMissing("the voice engine takes no sound; it is started again") from error

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """By the end of its input, and by force where that does not help."""
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self._patience.end)
        if process.returncode is None:
            process.kill()
            await process.wait()


def voice(dishes: Forms, python: Path = DEFAULT_PYTHON, *, patience: Patience = Patience()) -> EngineVoice | NoVoice:
    """The voice of an installed engine, or none: an extra that `make voice` installs."""
    if not python.is_file():
        return NoVoice()
    return EngineVoice([str(python), "-m", "kiosk.voice.engine"], dishes, patience=patience)


def _environment() -> dict[str, str]:
    """The engine finds this code, and takes one core."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


_: type[Voice] = EngineVoice
