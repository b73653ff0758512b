"""A watchdog for the model: how long a photo has been in it. systemd's heartbeats hang on that."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from worker.models.detector import Image, ImageModel

log = logging.getLogger(__name__)

# A photo takes a fraction of a second. One that is in the model for this long hangs.
HANG_TIMEOUT_S: Final = 120.0


class TimedDetector:
    """A detector that measures how long its calls have been running.

    All other steps of a photo have timeouts of their own: S3's, a label's expiry. Native code has none.
    """

    def __init__(self, detector: ImageModel, clock: Callable[[], float] = time.monotonic) -> None:
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

    def detect(self, images: Sequence[Image]) -> list[list[Any]]:
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
        """Whether no call hangs; one that does is logged."""
        if self.longest_s < HANG_TIMEOUT_S:
            return True
        log.error("a photo hangs in the model: no heartbeat is sent, so that systemd restarts the worker")
        return False
