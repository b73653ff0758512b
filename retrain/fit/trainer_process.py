"""The trainer's process: started in a session of its own, listened to, told to end, and ended when it does not.

It is another program in another environment (retrain/trainer); what it does is known by its events alone.
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
from retrain.subprocesses import start, surroundings

LOG: Final = "trainer.log"
TOLD_LINES: Final = 6  # of its log, when it breaks
MOST_LINE: Final = 200  # characters of each
TICK_S: Final = 0.25

_HOME: Final = Path(__file__).parents[2]

Event = Mapping[str, Any]
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class OutOfMemory(TrainerFailed):
    """So many pictures at a time do not fit on the GPU."""

    rule = "out_of_memory"


class DiskFull(TrainerFailed):
    """There is no room for what training writes."""

    rule = "disk_full"


@dataclass(frozen=True, kw_only=True)
class TrainerProcess:
    """How to run jobs. `command` is followed by the job's file; `work` is the folder it may write to.

    `stopping`, once set, ends a job. After `stall_s` seconds without an event or a line in its log it is held for dead;
    told to end, it has `grace_s`. `alive` is called for each of these lines.
    """

    command: Sequence[str]
    work: Path
    stopping: threading.Event
    stall_s: float = 900.0
    grace_s: float = 40.0
    alive: Callable[[], None] = lambda: None

    def run(self, job: Mapping[str, Any], follow: Callable[[Event], None] = lambda _: None) -> Event:
        """Do the job; the event that it ended with. Every event but that goes to `follow`, in this thread.

        Interrupted when `stopping` was set; TrainerFailed when it broke or hung. No process of it lives on.
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
            raise Interrupted(f"the trainer was told to end, in the middle of its job: {job['task']}")
        raise self._failure(last, process.returncode)

    def _start(self, command: list[str], log: IO[bytes], track: str) -> subprocess.Popen[bytes]:
        # It reads files of ours and needs no cloud, only the key of the tracker that was asked for; our package lies
        # where we run from.
        environment = surroundings(*([] if track == "none" else [f"{track.upper()}_"]))
        try:
            return start(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**environment, "PYTHONPATH": str(_HOME)},
                start_new_session=True,
            )
        except OSError as error:
            raise TrainerFailed(
                f"the trainer can't be started: {command[0]} ({error.strerror}); nothing was trained. make trainer, or "
                "set NUNCHI_TRAINER_PYTHON to a Python that has ultralytics"
            ) from None

    def _listen(self, process: subprocess.Popen[bytes], follow: Callable[[Event], None]) -> Event | None:
        """Pass events on until the end; the one that says how it ended, None when nothing does."""
        lines: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        heard, size, told, last = time.monotonic(), -1, None, None
        while True:
            try:
                event = lines.get(timeout=TICK_S)
            except queue.Empty:
                event = {"event": "silence"}
            if event is None:
                with suppress(subprocess.TimeoutExpired):  # it closed its output, and ends; or it is ended
                    process.wait(timeout=self.grace_s)
                return last
            now, grown = time.monotonic(), (self.work / LOG).stat().st_size
            if event["event"] != "silence" or grown != size:
                heard, size = now, grown
                self.alive()
            if event["event"] in ("done", "failed", "interrupted"):
                last = event
            elif event["event"] != "silence":
                follow(event)
            if self.stopping.is_set() and told is None:
                told = now
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
            if told is not None and now - told > self.grace_s:
                return last
            if now - heard > self.stall_s:
                kind = f"it said nothing for {self.stall_s:g} s, and was ended"
                return last or {"event": "failed", "kind": "stall", "message": kind}

    def _failure(self, last: Event | None, status: int | None) -> TrainerFailed:
        kind = str((last or {}).get("kind", "crash"))
        message = str((last or {}).get("message", "")) or f"it ended with status {status} and no word"
        if kind == "disk_full":
            disk = shutil.disk_usage(self.work)
            return DiskFull(
                f"the disk of {self.work} is full: {disk.free / 1e6:,.0f} MB of {disk.total / 1e9:,.1f} GB are left; "
                "the training ended, what serves goes on to. Make room, or take a larger disk, and start another one"
            )
        text = f"the trainer broke ({kind}): {message}"
        if kind not in ("bad_data", "bad_job", "stall"):
            text += "".join(f"\n  {line}" for line in log_tail(self.work / LOG))
        return OutOfMemory(text) if kind == "out_of_memory" else TrainerFailed(text)


def log_tail(path: Path) -> Iterator[str]:
    """The last lines of a log, without colours and what progress bars wrote over."""
    with suppress(OSError):
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 16384))
            lines = _COLOURS.sub("", log.read().decode(errors="replace")).splitlines()
        yield from [line.strip()[:MOST_LINE] for line in lines if line.strip()][-TOLD_LINES:]


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[Event | None]) -> None:
    """Events of a process into a queue, None at its end; what is no event is not for us."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    with process.stdout as out:
        for line in out:
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    lines.put(event)
    lines.put(None)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """No process of the session lives on, also when the first of them has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
