"""The progress of a training: lines on a terminal, and a heartbeat in the dataset bucket."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import Final, Self, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from contracts.training import PROGRESS, Phase, TrainingProgress, training_key
from retrain.bucket import DatasetBucket

log = logging.getLogger(__name__)

BEAT_S: Final = 15.0  # seconds between heartbeats; the state machine gives a training up after minutes without
# Seconds between two lines of an unfinished phase, on a terminal and in a log file.
TERMINAL_S: Final = 5.0
LOG_S: Final = 60.0


@dataclass
class Reporter:
    """Prints progress and writes the heartbeat. A context manager: the heartbeat thread runs inside.

    The heartbeat stops `silence_s` seconds after the last report or `alive`, so that a hanging training is noticed.
    """

    bucket: DatasetBucket
    training: str
    _: KW_ONLY
    clock: Callable[[], datetime]
    silence_s: float
    beat_s: float = BEAT_S
    out: TextIO = field(default_factory=lambda: sys.stderr)

    def __post_init__(self) -> None:
        self._progress = TrainingProgress(training=self.training, phase=Phase.STARTING, at=self.clock())
        self._key = training_key(self.training, PROGRESS)
        self._reported_at = time.monotonic()
        self._interval_s = TERMINAL_S if self.out.isatty() else LOG_S
        self._printed_at = 0.0
        self._printed: set[str] = set()  # in this phase
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def phase(self, phase: Phase, note: str) -> None:
        """Begin a phase: print it and write the progress at once."""
        with self._lock:
            self._progress = replace(self._progress, phase=phase, done=0, of=0, note=note)
        self._reported_at = time.monotonic()
        self._printed.clear()
        self._print(f"{phase}: {note}", always=True)
        self.write()

    def say(self, done: int, of: int, note: str) -> None:
        """Report `done` of `of` in this phase; the next heartbeat writes it."""
        with self._lock:
            self._progress = replace(self._progress, done=min(done, of), of=of, note=note)
        self._reported_at = time.monotonic()
        text = f"{done} of {of}, {note}" if of else note
        phase = self._progress.phase
        self._print(f"{phase}: {text}", always=phase is Phase.TRAINING or done == of)

    def alive(self) -> None:
        """Report that the training works, without news."""
        self._reported_at = time.monotonic()

    def write(self) -> None:
        """Write the progress now. A storage error costs a heartbeat, not the training."""
        with self._write_lock:  # an older progress must not overwrite a newer one
            with self._lock:
                self._progress = replace(self._progress, at=self.clock())
                text = self._progress.to_json()
            try:
                self.bucket.put(self._key, text.encode(), "application/json")
            except (ClientError, BotoCoreError) as error:
                log.warning("the progress could not be written; the training goes on: %s", error)

    def _beat(self) -> None:
        while not self._ended.wait(self.beat_s):
            if time.monotonic() - self._reported_at < self.silence_s:
                self.write()

    def _print(self, text: str, *, always: bool) -> None:
        """Print a line once a phase: the judge processes the same photos several times."""
        now = time.monotonic()
        if text not in self._printed and (always or now - self._printed_at >= self._interval_s):
            self._printed_at = now
            self._printed.add(text)
            print(text, file=self.out, flush=True)
