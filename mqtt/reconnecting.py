"""When a client connects again, and in which words it says why a connection ended, for kiosks and workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from mqtt.client import SESSION_TAKEN_OVER, code_of

# A connection that has lasted so long was a good one. A shorter one proves nothing: a twin connects and is pushed out.
STAYED_S: Final = 60.0
# The least pause after a twin took over: the kiosk that is pushed out leaves it the connection for so long.
TWIN_S: Final = 20.0


class Backoff:
    """The pauses between connections. They grow with each failure, and only a connection that stays resets them.

    `jitter` gives the seconds before a try, by its number (0, 1, …), at random. `clock` is in seconds, and never goes
    back.
    """

    def __init__(self, jitter: Callable[[int], float], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._jitter = jitter
        self._clock = clock
        self._attempt = 0
        self._since: float | None = None

    def connected(self) -> None:
        """The connection stands from now on."""
        self._since = self._clock()

    def pause_after(self, error: BaseException) -> float:
        """Seconds until the next try, after a connection that could not be made, or has ended."""
        if self._since is not None and self._clock() - self._since >= STAYED_S:
            self._attempt = 0
        self._since = None
        pause = self._jitter(self._attempt)
        self._attempt += 1
        return TWIN_S + pause if code_of(error) == SESSION_TAKEN_OVER else pause


def reason_of(error: BaseException, client_id: str) -> str:
    """Why the connection of that client ended or could not be made."""
    if code_of(error) == SESSION_TAKEN_OVER:
        return f"somebody else is connected as {client_id}: one key, one device"
    return str(error.__cause__ or error) or type(error).__name__
