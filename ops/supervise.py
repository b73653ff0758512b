"""Starting a cloud in a process of its own, following what it tells, ending it."""

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

LOOK_EVERY_S: Final = 0.05
STOP_S: Final = 40.0  # the worker may take 25 s for the work in hand
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], None]


class Supervisor:
    """The process that owns a cloud's processes."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = Reader(state.progress)

    def start(self, arguments: list[str], *, stay_when_we_die: bool) -> None:
        """Start it. Unless it is to stay, it ends when this process does, in whatever way."""
        command = [sys.executable, "-m", "local", "--state", str(self._state.path), *arguments]
        if not stay_when_we_die:
            command = with_pdeathsig(command, signal.SIGTERM)
        self._state.make()
        list(self._reader.new())  # an earlier cloud's words are not this one's
        came: list[int] = []
        log_path = self._state.path / "supervisor.log"
        log_path.touch(mode=0o600)
        # A signal between the fork and our knowing of it would leave a process that nobody ends.
        with log_path.open("wb") as log, _on_ending(lambda number, _: came.append(number)):
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if came:
            signal.raise_signal(came[0])

    def stop(self) -> None:
        """End the process that was started here, whether it has the lock yet or not, and wait until nothing is left."""
        if self._process is not None and self._process.poll() is None:
            _end(self._process.pid)
        self._state.clear_unless_held()

    def follow(self, tell: Callable[[ProgressLine], None]) -> Record:
        """Tell its progress until it is up; CloudError when it isn't going to be."""
        for line in self._lines():
            tell(line)
            if line.kind is Kind.READY:
                return self._state.read()
            if line.kind is Kind.FAILED:
                # Without logs no process was started: the line itself says so.
                left = f"\nnothing was left running; the logs are in {self._state.logs}"
                raise ChildFailed(line.text + (left if any(self._state.logs.glob("*.log")) else ""))
            if line.kind is Kind.STOPPED:
                raise CloudError(f"somebody stopped the cloud in {self._state.path} while it started")
        raise ChildFailed(
            f"the cloud ended without a word; the end of its log:\n{log_tail(self._state.path / 'supervisor.log')}"
        )

    def _lines(self) -> Iterator[ProgressLine]:
        """Lines as they come, to the last one of a process that is gone."""
        while True:
            running = self._running()
            yield from self._reader.new()
            if not running:
                return
            time.sleep(LOOK_EVERY_S)

    def lines(self) -> Iterator[ProgressLine]:
        """What it tells after what was followed, until it ends."""
        while self._running():
            yield from self._reader.new()
            time.sleep(2 * LOOK_EVERY_S)
        yield from self._reader.new()

    def _running(self) -> bool:
        if self._process is not None and self._process.poll() is None:
            return True
        return self._state.holder() is not None


def stop(state: StateDir) -> bool:
    """End the cloud of a state folder, and wait until nothing of it is left; False when none was up."""
    pid = state.holder()
    if pid is not None:
        _end(pid)
    state.clear_unless_held()  # also after a machine that went down under a cloud, with its keys and sockets
    return pid is not None


def _end(pid: int) -> None:
    """End a supervisor, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    if not _gone(pid, within_s=STOP_S):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # its processes die with it
        _gone(pid, within_s=STOP_S)


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
def interruptible() -> Generator[None, None, None]:
    """Within the block SIGTERM and SIGHUP interrupt as Ctrl-C does, and the first of all interrupts alone.

    Those after it must not break off the stopping that the first one began: a cloud half ended is nobody's.
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

    with _on_ending(interrupt):
        yield


@contextlib.contextmanager
def uninterrupted() -> Generator[None, None, None]:
    """Within the block nothing but kill -9 ends us: half taken down, a cloud is left running."""
    with _on_ending(_still_stopping):
        yield


def _still_stopping(_number: int, _frame: FrameType | None) -> None:
    _write("still stopping; this may take half a minute\n")


def _write(text: str) -> None:
    """To standard error, past its buffer: a signal may have come in the middle of using that."""
    with contextlib.suppress(OSError):  # a terminal that is gone, which is what SIGHUP says
        os.write(2, text.encode())


@contextlib.contextmanager
def _on_ending(handler: _Handler) -> Generator[None, None, None]:
    """Within the block the signals that end a program go to the handler."""
    before = [signal.signal(number, handler) for number in _ENDING]
    try:
        yield
    finally:
        for number, old in zip(_ENDING, before, strict=True):
            signal.signal(number, old)
