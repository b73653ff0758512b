"""How busy the machine is beside the bench: a time that was measured on a busy one says little."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

PRESSURE: Final = Path("/proc/pressure/cpu")  # Linux' pressure stall information


class Load:
    """Since it was made."""

    def __init__(self) -> None:
        self._began, self._load, self._stalled_us = time.monotonic(), os.getloadavg()[0], _stalled_us()

    def since(self) -> dict[str, Any]:
        """Processors, load averages at begin and end, the share of time in which a program waited for one."""
        stalled = _stalled_us()
        share = None
        if stalled is not None and self._stalled_us is not None:
            share = round((stalled - self._stalled_us) / 1e6 / (time.monotonic() - self._began), 3)
        return {
            "processors": os.cpu_count(),
            "load": [round(self._load, 1), round(os.getloadavg()[0], 1)],
            "some_program_waited": share,
        }


def _stalled_us() -> int | None:
    """Microseconds; None where the kernel does not count them."""
    if not PRESSURE.exists():
        return None
    return int(PRESSURE.read_text().splitlines()[0].rpartition("total=")[2])
