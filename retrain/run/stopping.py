"""Graceful shutdown: AWS reclaims a Spot instance two minutes after its notice, and systemd waits no longer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from contracts.training import EXIT_INTERRUPTED
from retrain.errors import Interrupted

SHUTDOWN_TIMEOUT_S: Final = 85.0  # from the signal to an exit in any case
INTERRUPTED: Final = "the training was interrupted by a signal; call it again with the same id to resume"


class Stopping:
    """Handles SIGTERM and SIGINT; exits `timeout_s` after the first of them, whatever still runs.

    A signal raises Interrupted at once, except inside `finishing`: there the work is completed first.
    """

    def __init__(
        self, *, timeout_s: float = SHUTDOWN_TIMEOUT_S, force_exit: Callable[[int], object] = os._exit
    ) -> None:
        self.requested = threading.Event()
        self._timeout_s = timeout_s
        self._force_exit = force_exit
        self._raise_at_once = True

    def listen(self) -> None:
        """Install the signal handlers; call it in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def check(self) -> None:
        """Raise Interrupted if a signal came inside `finishing`."""
        if self.requested.is_set():
            raise Interrupted(INTERRUPTED)

    @contextmanager
    def finishing(self) -> Generator[None, None, None]:
        """Defer Interrupted: the work inside watches `requested` itself, or takes seconds."""
        self._raise_at_once = False
        try:
            yield
        finally:
            self._raise_at_once = True

    def _on_signal(self, *_: object) -> None:
        if self.requested.is_set():
            return  # a second Interrupted would break the cleanup of the first
        self.requested.set()
        timer = threading.Timer(self._timeout_s, self._force_exit, (EXIT_INTERRUPTED,))
        timer.daemon = True
        timer.start()
        if self._raise_at_once:
            raise Interrupted(INTERRUPTED)
