"""Starting a cloud in a process of its own, following what it tells, ending it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from local.children import log_tail, tethered
from local.errors import ChildFailed, CloudError
from local.progress import Kind, Line, Reader
from local.record import Record
from local.state import StateDir

LOOK_EVERY_S: Final = 0.05
STOP_S: Final = 40.0  # the worker may take 25 s for the work in hand
BUSY: Final = 3  # how `python -m local` ends when another one was quicker


class Supervisor:
    """The process that owns a cloud's processes."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: list[str], *, stay_when_we_die: bool) -> None:
        """Start it. Unless it is to stay, it ends when this process does, in whatever way."""
        command = [sys.executable, "-m", "local", "--state", str(self._state.path), *arguments]
        if not stay_when_we_die:
            command = tethered(command, when_parent_dies=signal.SIGTERM)
        self._state.path.mkdir(parents=True, exist_ok=True)
        self._state.progress.unlink(missing_ok=True)  # an earlier cloud's last words are not this one's
        with (self._state.path / "supervisor.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def follow(self, tell: Callable[[Line], None]) -> Record:
        """Tell its progress until it is up; CloudError when it isn't going to be."""
        for line in self._lines():
            tell(line)
            if line.kind is Kind.READY:
                return self._state.read()
            if line.kind is Kind.FAILED:
                raise ChildFailed(f"{line.text}\nnothing was left running; the logs are in {self._state.logs}")
            if line.kind is Kind.STOPPED:
                raise CloudError(f"somebody stopped the cloud in {self._state.path} while it started")
        raise ChildFailed(
            f"the cloud ended without a word; the end of its log:\n{log_tail(self._state.path / 'supervisor.log')}"
        )

    def _lines(self) -> Iterator[Line]:
        """Lines as they come, to the last one of a process that is gone."""
        reader = Reader(self._state.progress)
        while True:
            running = self._running()
            yield from reader.new()
            if not running:
                return
            time.sleep(LOOK_EVERY_S)

    def lines(self) -> Iterator[Line]:
        """What it tells from now on, until it ends."""
        reader = Reader(self._state.progress)
        list(reader.new())
        while self._running():
            yield from reader.new()
            time.sleep(2 * LOOK_EVERY_S)
        yield from reader.new()

    def _running(self) -> bool:
        if self._process is not None and self._process.poll() is None:
            return True
        return self._state.holder() is not None


def stop(state: StateDir) -> bool:
    """End the cloud of a state folder, and wait until nothing of it is left; False when none was up."""
    pid = state.holder()
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        if not _gone(pid, within_s=STOP_S):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # its processes die with it
            _gone(pid, within_s=STOP_S)
    state.clear()  # also after a machine that went down under a cloud, with its keys and sockets
    return pid is not None


def _gone(pid: int, *, within_s: float) -> bool:
    """Whether the process ends within the time, be it our child or not."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return True
        except ChildProcessError:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
        time.sleep(LOOK_EVERY_S)
    return False


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP interrupt as Ctrl-C does."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
