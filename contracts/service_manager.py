"""Notifications to systemd: ready, alive (watchdog), stopping (sd_notify(3)). Without systemd nothing is sent.

The worker and a kiosk's agent are both services of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class ServiceManager:
    """The service manager at NOTIFY_SOCKET, if set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address  # @: the abstract namespace
        for_this_process = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        interval_us = environ.get("WATCHDOG_USEC", "")
        self._heartbeat_s = int(interval_us) / 2e6 if for_this_process and interval_us.isdecimal() else 0.0

    def ready(self) -> None:
        """The service works."""
        self._notify("READY=1")

    def stopping(self) -> None:
        """The service was asked to stop, and finishes what it has in hand."""
        self._notify("STOPPING=1")

    async def send_heartbeats(self, is_responsive: Callable[[], bool] = lambda: True) -> None:
        """Notify the watchdog twice in each of its intervals, while `is_responsive`, until cancelled.

        An event loop that hangs sends no heartbeat either: systemd restarts the service in both cases.
        """
        while self._heartbeat_s:
            if is_responsive():
                self._notify("WATCHDOG=1")
            await asyncio.sleep(self._heartbeat_s)
        await asyncio.Event().wait()

    def _notify(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
                datagram.setblocking(False)
                datagram.sendto(state.encode(), self._address)
        except OSError as error:  # the work matters more; the watchdog acts by itself
            log.warning("systemd did not receive %s: %s", state, error)
