"""Notifications to systemd: ready, alive (watchdog), stopping (sd_notify(3)). Without systemd nothing is sent."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from contracts.messages import Person
from worker.models.detector import Detector, Image

log = logging.getLogger(__name__)

# A photo takes a fraction of a second. One that is in the model for this long hangs.
HANG_TIMEOUT_S: Final = 120.0


class Systemd:
    """The service manager at NOTIFY_SOCKET, if set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # a name in the abstract namespace
            self._address = "\0" + self._address[1:]
        for_this_process = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        interval_us = environ.get("WATCHDOG_USEC", "")
        self._heartbeat_s = int(interval_us) / 2e6 if for_this_process and interval_us.isdecimal() else 0.0

    def ready(self) -> None:
        """The worker takes photos."""
        self._notify("READY=1")

    def stopping(self) -> None:
        """The worker takes no more photos, and finishes those in hand."""
        self._notify("STOPPING=1")

    async def send_heartbeats(self, is_responsive: Callable[[], bool]) -> None:
        """Notify the watchdog twice in each of its intervals, while `is_responsive`, until cancelled.

        An event loop that hangs sends no heartbeat either: systemd restarts the worker in both cases.
        """
        if not self._heartbeat_s:
            await asyncio.Event().wait()
        while True:
            if is_responsive():
                self._notify("WATCHDOG=1")
            else:
                log.error("a photo hangs in the model: no heartbeat is sent, so that systemd restarts the worker")
            await asyncio.sleep(self._heartbeat_s)

    def _notify(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
                datagram.setblocking(False)
                datagram.sendto(state.encode(), self._address)
        except OSError as error:  # photos matter more; the watchdog acts by itself
            log.warning("systemd did not receive %s: %s", state, error)


class TimedDetector:
    """A detector that measures how long its calls have been running.

    All other steps of a photo have timeouts of their own: S3's, a label's expiry. Native code has none.
    """

    def __init__(self, detector: Detector, clock: Callable[[], float] = time.monotonic) -> None:
        self.model = detector.model
        self._detector = detector
        self._clock = clock
        self._started: dict[int, float] = {}
        self._lock = threading.Lock()
        self._calls = 0

    @property
    def longest_s(self) -> float:
        """Seconds since the start of the oldest running call; 0 when no call runs."""
        with self._lock:
            return self._clock() - min(self._started.values()) if self._started else 0.0

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        with self._lock:
            self._calls += 1
            call = self._calls
            self._started[call] = self._clock()
        try:
            return self._detector.detect(images)
        finally:
            with self._lock:
                del self._started[call]

    def is_responsive(self) -> bool:
        """Whether no call hangs."""
        return self.longest_s < HANG_TIMEOUT_S
