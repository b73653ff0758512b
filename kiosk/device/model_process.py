"""The model on the box, in a process of its own: `python -m worker.on_device`. Its memory and its crashes are its own.

Standard input: for each photo four bytes of length, big-endian, and the JPEG. Standard output: a line about the model,
then a label message a line. It ends when its standard input does, so it never outlives the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from contracts.formulas.backoff import full_jitter
from kiosk.device.health import CloudState, Part, Trouble
from kiosk.errors import NoAnswer, NoLabeller
from recipes.kiosk.message import LabelMessage

log = logging.getLogger(__name__)

LOAD_S: Final = 120.0  # a small box, from a cold disk
LONGEST_LINE: Final = 1 << 20
HANG_S: Final = 20.0  # a photo takes a fraction of a second: after this the process is replaced


class DeviceLabeller:
    """Asks the process one photo at a time; starts it again when it ends."""

    def __init__(self, command: Sequence[str], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._command = tuple(command)
        self._sleep = sleep
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._why: str | None = "the model is being loaded"

    @property
    def troubles(self) -> list[Trouble]:
        if self._why is None:
            return []
        return [Trouble(Part.MODEL, CloudState.OFF, f"the model on this device does not answer: {self._why}")]

    async def ask(self, photo: bytes, *, timeout_s: float) -> LabelMessage:
        process = self._process
        if process is None or self._why is not None:
            raise NoLabeller(f"the model on this device does not answer: {self._why}")
        try:
            async with asyncio.timeout(timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            raise NoAnswer(f"the model on this device was busy for {timeout_s:g} s") from None
        # The answer is read in any case, late or not: the next one must not be taken for it.
        answer = asyncio.create_task(self._exchange(process, photo))
        answer.add_done_callback(lambda _: self._turn.release())
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            answer.add_done_callback(_retrieved)
            raise NoAnswer(f"the model on this device took more than {timeout_s:g} s") from None
        except asyncio.CancelledError:
            answer.add_done_callback(_retrieved)
            raise

    async def run(self) -> None:
        attempt = 0
        try:
            while True:
                try:
                    await self._start()
                    attempt = 0
                    assert self._process is not None  # noqa: S101 - it has just started
                    status = await self._process.wait()
                    self._why = f"its process ended with status {status}"
                except (OSError, ValueError, NoLabeller) as error:
                    self._why = str(error) or "it was not loaded in time"
                log.error("the model on this device: %s; starting it again", self._why)
                await self._stop()
                await self._sleep(full_jitter(attempt))
                attempt += 1
        finally:
            await self._stop()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            process_group=0,  # a Ctrl-C in the agent's terminal is the agent's
        )
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        async with asyncio.timeout(LOAD_S):
            first = await self._process.stdout.readline()
        if not first:
            raise NoLabeller("its process ended while the model was being loaded; its log says why")
        log.info("the model on this device: %s", json.loads(first)["model"])
        self._why = None

    async def _exchange(self, process: asyncio.subprocess.Process, photo: bytes) -> LabelMessage:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - pipes
        try:
            process.stdin.write(struct.pack(">I", len(photo)) + photo)
            async with asyncio.timeout(HANG_S):
                await process.stdin.drain()
                line = await process.stdout.readline()
            if line:
                return LabelMessage.from_json(line)
            self._why = self._why or "its process has ended"
        except (OSError, ValueError) as error:
            self._why = f"{type(error).__name__} {error}"
        except asyncio.CancelledError:
            self._kill(process)  # out of step: the next answer would be this one's
            raise
        self._kill(process)
        raise NoLabeller(f"the model on this device failed: {self._why}")

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _stop(self) -> None:
        if (process := self._process) is not None:
            self._process = None
            self._kill(process)
            await process.wait()


def _retrieved(task: asyncio.Task[LabelMessage]) -> None:
    if not task.cancelled():
        task.exception()  # nobody waits for it any more; it is in `_why`
