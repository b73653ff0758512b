"""What systemd is told of the worker: that it is ready, that it lives, that it stops (sd_notify(3)).

Without systemd, as on a developer's machine, there is nobody to tell, and nothing is said.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from contracts.messages import Model
from worker.models.detector import Detection, Detector, Image

log = logging.getLogger(__name__)

# A picture takes a fraction of a second. One that is in the model for this long does not come out of it any more.
ABSURD_S: Final = 120.0


class Systemd:
    """The service manager at the other end of NOTIFY_SOCKET, if there is one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # a name in the abstract namespace
            self._address = "\0" + self._address[1:]
        ours = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        interval_us = environ.get("WATCHDOG_USEC", "")
        self._beat_s = int(interval_us) / 2e6 if ours and interval_us.isdecimal() else 0.0

    def ready(self) -> None:
        """The worker takes photos."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The worker takes no more photos, and finishes those in hand."""
        self._tell("STOPPING=1")

    async def beat(self, sound: Callable[[], bool]) -> None:
        """Say twice in each of the watchdog's intervals that the worker lives, for as long as it is `sound`.

        Ends never, only by being cancelled. An event loop that hangs says nothing either, so systemd ends both.
        """
        if not self._beat_s:
            await asyncio.Event().wait()
        while True:
            if sound():
                self._tell("WATCHDOG=1")
            else:
                log.error("a picture does not come out of the model: the watchdog is left to start the worker again")
            await asyncio.sleep(self._beat_s)

    def _tell(self, what: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
                datagram.setblocking(False)
                datagram.sendto(what.encode(), self._address)
        except OSError as error:  # photos matter more; a watchdog that heard nothing acts by itself
            log.warning("systemd was not told %s: %s", what, error)


class TimedDetector:
    """A detector that knows how long its pictures have been in it.

    All other steps of a photo have limits of their own: S3's time-outs, a label's expiry. Native code has none.
    """

    def __init__(self, detector: Detector, clock: Callable[[], float] = time.monotonic) -> None:
        self._detector = detector
        self._clock = clock
        self._begun: dict[int, float] = {}
        self._lock = threading.Lock()
        self._calls = 0

    @property
    def model(self) -> Model:
        return self._detector.model

    @property
    def longest_s(self) -> float:
        """Seconds since the oldest call that has not ended began; 0 when there is none."""
        with self._lock:
            return self._clock() - min(self._begun.values()) if self._begun else 0.0

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        with self._lock:
            self._calls += 1
            call = self._calls
            self._begun[call] = self._clock()
        try:
            return self._detector.detect(images)
        finally:
            with self._lock:
                del self._begun[call]

    def is_sound(self) -> bool:
        """Whether every picture in it may still come out."""
        return self.longest_s < ABSURD_S
