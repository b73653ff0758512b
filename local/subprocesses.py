"""The processes of a local cloud: each leads its own process group, logs to a file, and ends with the cloud."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from local.errors import ChildFailed
from retrain.subprocesses import with_pdeathsig

POLL_S: Final = 0.05
BACKOFF_FIRST_S: Final = 0.2
BACKOFF_LAST_S: Final = 10.0
STEADY_S: Final = 30.0  # a process that ran this long is restarted without backoff


class Child:
    """One process and its descendants."""

    def __init__(self, name: str, command: Sequence[str], *, environ: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environ = environ
        self._cwd = cwd
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process; append its output to the log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *with_pdeathsig(self._command),
                env=dict(self._environ),
                cwd=self._cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    async def until(self, ready: Callable[[], bool], *, within_s: float, late: str) -> None:
        """Wait until `ready`, which is called in threads; ChildFailed when the process ends first, or is `late`."""
        deadline = time.monotonic() + within_s
        while not await asyncio.to_thread(ready):
            if self.pid is None:
                raise self.failure("ended while it started")
            if time.monotonic() > deadline:
                raise self.failure(late)
            await asyncio.sleep(POLL_S)

    async def ended(self) -> int:
        """Wait until the process ends; returns the exit status, negative for a signal."""
        if self._process is None:
            raise ChildFailed(f"{self.name} was never started")
        return await self._process.wait()

    async def stop(self, *, grace_s: float) -> None:
        """Send SIGTERM, wait up to `grace_s` seconds, then kill the whole process group."""
        if self._process is None:
            return
        if self._process.returncode is None and grace_s > 0:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), timeout=grace_s)
        # The group outlives its leader while it has members.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    def failure(self, what: str) -> ChildFailed:
        """The error for this process; its message ends with the last lines of the log."""
        return ChildFailed(f"{self.name} {what}; the end of {self.log}:\n{log_tail(self.log)}")


async def restarts(child: Child, *, ended: Callable[[int], None]) -> AsyncGenerator[None, None]:
    """Start the child again whenever it ends, with backoff, until cancelled; yields after each start.

    `ended` hears each exit status.
    """
    pause_s = BACKOFF_FIRST_S
    while True:
        since = time.monotonic()
        status = await child.ended()
        if time.monotonic() - since > STEADY_S:
            pause_s = BACKOFF_FIRST_S
        ended(status)
        await asyncio.sleep(pause_s)
        pause_s = min(BACKOFF_LAST_S, 2 * pause_s)
        await child.start()
        yield


def log_tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, indented by two spaces."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        return f"  ({error})"
    return "\n".join(f"  {line[:300]}" for line in text.splitlines()[-lines:]) or "  (nothing was written)"
