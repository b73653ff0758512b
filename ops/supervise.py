"""Start a local cloud in its own process, follow its progress, shut it down gracefully."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import Final

from local.errors import ChildFailed, CloudError
from local.progress import Kind, ProgressLine, Reader
from local.record import Record
from local.state import StateDir
from local.subprocesses import log_tail
from retrain.subprocesses import with_pdeathsig

POLL_S: Final = 0.05
STOP_S: Final = 40.0  # the worker may take 25 s to finish its photos
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], None]


class Supervisor:
    """The process that owns a cloud's processes."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = Reader(state.progress)

    def start(self, arguments: list[str], *, detach: bool) -> None:
        """Start it. Unless detached, it ends with this process, even when that is killed."""
        command = [sys.executable, "-m", "local", "--state", str(self._state.path), *arguments]
        if not detach:
            command = with_pdeathsig(command, signal.SIGTERM)
        self._state.make()
        list(self._reader.new())  # skip the lines of an earlier cloud
        received: list[int] = []
        log_path = self._state.path / "supervisor.log"
        log_path.touch(mode=0o600)
        # A signal between the fork and the assignment would leave a process that nothing ends.
        with log_path.open("wb") as log, _handle_signals(lambda number, _: received.append(number)):
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if received:
            signal.raise_signal(received[0])

    def stop(self) -> None:
        """Stop the process that `start` started, whether it has the lock yet or not, and wait until it is gone."""
        if self._process is not None and self._process.poll() is None:
            _end(self._process.pid)
        self._state.clear_unless_held()

    def follow(self, show: Callable[[ProgressLine], None]) -> Record:
        """Show its progress until it is up, return its record; CloudError when it fails or is stopped."""
        for line in self.lines():
            show(line)
            if line.kind is Kind.READY:
                return self._state.read()
            if line.kind is Kind.FAILED:
                # Without logs no process was started, and the line itself says so.
                logs = f"\nnothing was left running; the logs are in {self._state.logs}"
                raise ChildFailed(line.text + (logs if any(self._state.logs.glob("*.log")) else ""))
            if line.kind is Kind.STOPPED:
                raise CloudError(
                    f"another process stopped the cloud in {self._state.path} while it started; start it again"
                )
        log = self._state.path / "supervisor.log"
        raise ChildFailed(f"the cloud ended without an error message; the end of its log:\n{log_tail(log)}")

    def lines(self) -> Iterator[ProgressLine]:
        """New lines as they are written, until the process has ended and the last one is read."""
        running = True
        while running:
            running = (self._process is not None and self._process.poll() is None) or self._state.holder() is not None
            yield from self._reader.new()
            time.sleep(POLL_S)


def stop(state: StateDir) -> bool:
    """Stop the cloud of a state folder, and wait until no process is left; False when none was up."""
    pid = state.holder()
    if pid is not None:
        _end(pid)
    state.clear_unless_held()  # a machine that crashed left keys and sockets
    return pid is not None


def _end(pid: int) -> None:
    """Stop a supervisor, and wait until it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    if not _gone(pid, within_s=STOP_S):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # its processes die with it
        _gone(pid, within_s=STOP_S)


def _gone(pid: int, *, within_s: float) -> bool:
    """Whether the process, a child of this one or not, ends within the time."""
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
        time.sleep(POLL_S)
    return False


@contextlib.contextmanager
def interruptible() -> Generator[None, None, None]:
    """Within the block SIGTERM and SIGHUP act as Ctrl-C does, and only the first signal raises KeyboardInterrupt.

    Later ones must not interrupt the cleanup that the first one started: it would leave half a cloud running.
    """
    stopping = False

    def interrupt(number: int, _: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            _still_stopping(number, None)
            return
        stopping = True
        _write("\nstopping; the worker finishes the photos in hand\n")
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handle_signals(interrupt):
        yield


@contextlib.contextmanager
def uninterrupted() -> Generator[None, None, None]:
    """Within the block only kill -9 ends this process: an interrupted cleanup leaves half a cloud running."""
    with _handle_signals(_still_stopping):
        yield


def _still_stopping(_number: int, _frame: FrameType | None) -> None:
    _write("still stopping; this may take half a minute\n")


def _write(text: str) -> None:
    """To standard error, past its buffer: the signal may have interrupted a write to that."""
    with contextlib.suppress(OSError):  # after SIGHUP the terminal is gone
        os.write(2, text.encode())


@contextlib.contextmanager
def _handle_signals(handler: _Handler) -> Generator[None, None, None]:
    """Within the block, SIGINT, SIGTERM and SIGHUP go to `handler`."""
    before = [signal.signal(number, handler) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, old in zip(_SIGNALS, before, strict=True):
            signal.signal(number, old)
