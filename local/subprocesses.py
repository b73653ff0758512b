"""The processes that the cloud owns: each in a group of its own, logging to a file, gone when the cloud is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import ChildFailed

TETHER = Path(__file__).with_name("pdeathsig.py")


def tethered(command: Sequence[str], *, when_parent_dies: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command, made to get a signal when the process that starts it dies."""
    return [sys.executable, "-S", "-E", str(TETHER), str(os.getpid()), str(when_parent_dies.value), *command]


class Child:
    """One process and whatever it starts."""

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
        """Start it; its output is added to the log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(self._command),
                env=dict(self._environ),
                cwd=self._cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    async def ended(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        if self._process is None:
            raise ChildFailed(f"{self.name} was never started")
        return await self._process.wait()

    async def stop(self, *, grace_s: float) -> None:
        """End it: politely for `grace_s` seconds, then at once, with everything that it started."""
        if self._process is None:
            return
        if self._process.returncode is None and grace_s > 0:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), timeout=grace_s)
        # The group outlives its leader while anybody is in it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    def failure(self, what: str) -> ChildFailed:
        """The error for what went wrong with it, with the end of its log."""
        return ChildFailed(f"{self.name} {what}; the end of {self.log}:\n{log_tail(self.log)}")


def log_tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, indented."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        return f"  ({error})"
    return "\n".join(f"  {line[:300]}" for line in text.splitlines()[-lines:]) or "  (nothing was written)"
