"""How far a training is: told on a terminal, and kept fresh in the dataset bucket for whoever waits."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Final, Self, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from contracts.training import PROGRESS, Phase, TrainingProgress, training_key
from retrain.bucket import DatasetBucket

log = logging.getLogger(__name__)

BEAT_S: Final = 15.0  # seconds between two beats; whoever waits gives a training up after minutes
# Seconds between two lines of a phase that is not done: for who looks on, and for a log that is read afterwards.
LOOK_S: Final = 5.0
LOG_S: Final = 60.0


class Reporter:
    """A heartbeat in the bucket and lines on a terminal. A context: the heart beats inside.

    It beats only as long as the training says something or is known to work (`alive`): after `silence_s` without, it
    stops, as a training that hangs must not look like one that works.
    """

    def __init__(
        self,
        bucket: DatasetBucket,
        training: str,
        *,
        clock: Callable[[], datetime],
        silence_s: float,
        beat_s: float = BEAT_S,
        out: TextIO | None = None,
    ) -> None:
        self._bucket = bucket
        self._clock = clock
        self._silence_s = silence_s
        self._beat_s = beat_s
        self._out = out or sys.stderr
        self._now = TrainingProgress(training=training, phase=Phase.STARTING, at=clock())
        self._key = training_key(training, PROGRESS)
        self._heard = time.monotonic()
        self._every_s = LOOK_S if self._out.isatty() else LOG_S
        self._printed_at = 0.0
        self._printed: set[str] = set()  # in this phase
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._end = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._heart.join()

    def phase(self, phase: Phase, note: str) -> None:
        """A phase begins; told at once."""
        with self._lock:
            self._now = replace(self._now, phase=phase, done=0, of=0, note=note)
        self._heard = time.monotonic()
        self._printed.clear()
        self._print(f"{phase}: {note}", always=True)
        self.write()

    def say(self, done: int, of: int, note: str) -> None:
        """`done` of `of` in this phase; told with the next beat."""
        with self._lock:
            self._now = replace(self._now, done=min(done, of), of=of, note=note)
        self._heard = time.monotonic()
        text = f"{done} of {of}, {note}" if of else note
        phase = self._now.phase
        self._print(f"{phase}: {text}", always=phase is Phase.TRAINING or done == of)

    def alive(self) -> None:
        """It works, and has nothing to say."""
        self._heard = time.monotonic()

    def write(self) -> None:
        """Write the progress now. A storage that is away for a moment costs a beat, not the training."""
        with self._writing:  # one after the other: what is older must not come last
            with self._lock:
                self._now = replace(self._now, at=self._clock())
                text = self._now.to_json()
            try:
                self._bucket.put(self._key, text.encode(), "application/json")
            except (ClientError, BotoCoreError) as error:
                log.warning("the progress could not be written: %s", error)

    def _beat(self) -> None:
        while not self._end.wait(self._beat_s):
            if time.monotonic() - self._heard < self._silence_s:
                self.write()

    def _print(self, text: str, *, always: bool) -> None:
        """A line, unless it was printed already: the judge asks about the same photos several times."""
        now = time.monotonic()
        if text not in self._printed and (always or now - self._printed_at >= self._every_s):
            self._printed_at = now
            self._printed.add(text)
            print(text, file=self._out, flush=True)
