"""Runs the trainer (retrain/trainer, another program in another environment) as a subprocess in its own session.

Reads its events, sends SIGTERM to stop it, and kills the session when it hangs or does not stop.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from retrain.errors import Interrupted, TrainerFailed
from retrain.subprocesses import filtered_environ, spawn

LOG: Final = "trainer.log"
TAIL_LINES: Final = 6  # of its log, in the error of a crash
MAX_LINE: Final = 200  # characters of each
TICK_S: Final = 0.25

_HOME: Final = Path(__file__).parents[2]

Event = Mapping[str, Any]
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class OutOfMemory(TrainerFailed):
    """The batch does not fit into the GPU's memory."""

    rule = "out_of_memory"


class DiskFull(TrainerFailed):
    """The disk is full."""

    rule = "disk_full"


@dataclass(frozen=True, kw_only=True)
class TrainerProcess:
    """How to run jobs. The job's file is appended to `command`; `work` is the folder that the trainer may write to.

    Setting `stopping` sends SIGTERM; after `grace_s` more seconds the trainer is killed. It is also killed after
    `stall_s` seconds without an event or a line in its log. `alive` is called for each event and line.
    """

    command: Sequence[str]
    work: Path
    stopping: threading.Event
    stall_s: float = 900.0
    grace_s: float = 40.0
    alive: Callable[[], None] = lambda: None

    def run(self, job: Mapping[str, Any], follow: Callable[[Event], None] = lambda _: None) -> Event:
        """Run a job and return its last event; all other events go to `follow`, in this thread.

        Interrupted when `stopping` was set; TrainerFailed when the trainer failed or hung. Its session is killed.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.work / f"{job['task']}.json"
        path.write_text(json.dumps({**job, "work": str(self.work)}, default=str))
        with (self.work / LOG).open("wb") as log:
            process = self._start([*self.command, str(path)], log, str(job.get("track", "none")))
            try:
                last = self._listen(process, follow)
            finally:
                _end_group(process)
        if last is not None and last["event"] == "done":
            return last
        if self.stopping.is_set() or (last is not None and last["event"] == "interrupted"):
            raise Interrupted(
                f"the trainer was interrupted in its job: {job['task']}; call the training again to resume"
            )
        raise self._failure(last, process.returncode)

    def _start(self, command: list[str], log: IO[bytes], track: str) -> subprocess.Popen[bytes]:
        # The trainer reads local files and needs no AWS credentials, only the key of its experiment tracker.
        environ = filtered_environ(*([] if track == "none" else [f"{track.upper()}_"]))
        try:
            return spawn(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**environ, "PYTHONPATH": str(_HOME)},
                start_new_session=True,
            )
        except OSError as error:
            raise TrainerFailed(
                f"the trainer can't be started: {command[0]} ({error.strerror}); nothing was trained. Run make "
                "trainer, or set NUNCHI_TRAINER_PYTHON to a Python that has ultralytics"
            ) from None

    def _listen(self, process: subprocess.Popen[bytes], follow: Callable[[Event], None]) -> Event | None:
        """Pass events on until the end; the last event (done, failed or interrupted), None without one."""
        lines: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        active_at, size, stopped_at, last = time.monotonic(), -1, None, None
        while True:
            try:
                event = lines.get(timeout=TICK_S)
            except queue.Empty:
                event = {"event": "silence"}
            if event is None:
                with suppress(subprocess.TimeoutExpired):  # it closed its output, and exits; or the caller kills it
                    process.wait(timeout=self.grace_s)
                return last
            now, log_size = time.monotonic(), (self.work / LOG).stat().st_size
            if event["event"] != "silence" or log_size != size:
                active_at, size = now, log_size
                self.alive()
            if event["event"] in ("done", "failed", "interrupted"):
                last = event
            elif event["event"] != "silence":
                follow(event)
            if self.stopping.is_set() and stopped_at is None:
                stopped_at = now
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
            if stopped_at is not None and now - stopped_at > self.grace_s:
                return last
            if now - active_at > self.stall_s:
                message = f"it sent no event for {self.stall_s:g} s, and was killed"
                return last or {"event": "failed", "kind": "stall", "message": message}

    def _failure(self, last: Event | None, status: int | None) -> TrainerFailed:
        kind = str((last or {}).get("kind", "crash"))
        message = str((last or {}).get("message", "")) or f"it exited with status {status} without an event"
        if kind == "disk_full":
            disk = shutil.disk_usage(self.work)
            return DiskFull(
                f"the disk of {self.work} is full: {disk.free / 1e6:,.0f} MB of {disk.total / 1e9:,.1f} GB are left; "
                "the training ended, and the model in service stays. Free space, or use a larger disk, and train again"
            )
        text = f"the trainer failed ({kind}): {message}"
        if kind not in ("bad_data", "bad_job", "stall"):
            text += "".join(f"\n  {line}" for line in _log_tail(self.work / LOG))
        return OutOfMemory(text) if kind == "out_of_memory" else TrainerFailed(text)


def _log_tail(path: Path) -> Iterator[str]:
    """The last lines of a log, without colour codes and progress bars."""
    with suppress(OSError):
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 16384))
            lines = _COLOURS.sub("", log.read().decode(errors="replace")).splitlines()
        yield from [line.strip()[:MAX_LINE] for line in lines if line.strip()][-TAIL_LINES:]


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[Event | None]) -> None:
    """Put the events of a process into a queue, then None; other lines are dropped."""
    assert process.stdout is not None  # noqa: S101 - Popen got a pipe
    with process.stdout as out:
        for line in out:
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    lines.put(event)
    lines.put(None)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill every process of the session, also after its leader has exited."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
