"""Told to end: a Spot instance is taken away two minutes after it was told, and systemd waits no longer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from contracts.training import EXIT_INTERRUPTED
from retrain.errors import Interrupted

PATIENCE_S: Final = 85.0  # from the signal to an end in any case


class Stopping:
    """Listens for SIGTERM and SIGINT. `patience_s` after one of them it gives up on whoever is not done yet.

    What must not be cut in two goes on inside `finishing`; the rest ends at once.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S, give_up: Callable[[int], object] = os._exit) -> None:
        self.told = threading.Event()
        self._patience_s = patience_s
        self._give_up = give_up
        self._at_once = True

    def listen(self) -> None:
        """From here on; in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def check(self) -> None:
        """Interrupted when somebody told us to end while we were finishing something."""
        if self.told.is_set():
            raise Interrupted("the training was told to end")

    @contextmanager
    def finishing(self) -> Generator[None, None, None]:
        """Inside, who works looks at `told` by themselves, or is done in seconds."""
        self._at_once = False
        try:
            yield
        finally:
            self._at_once = True

    def _hear(self, *_: object) -> None:
        if self.told.is_set():
            return  # it is ending already; a second error would cut off the tidying up
        self.told.set()
        last = threading.Timer(self._patience_s, self._give_up, (EXIT_INTERRUPTED,))
        last.daemon = True
        last.start()
        if self._at_once:
            raise Interrupted("the training was told to end")
