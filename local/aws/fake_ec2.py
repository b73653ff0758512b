"""The local cloud's training machines: an instance on moto, and the processes that Run Command started on it.

A machine that is terminated takes its processes with it, whatever groups and sessions they made for themselves: each of
them inherits a mark. What tells the mark is Linux's /proc; elsewhere only the command itself is ended.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "NUNCHI_LOCAL_MACHINE"
_PROCESSES: Final = Path("/proc")


def mark(cloud: Path, instance: str) -> str:
    """What the environment of every process of a machine holds under MARK: no two clouds share it."""
    return f"{cloud}#{instance}"


def power_off(cloud: Path, instance: str = "") -> int:
    """End every process of a cloud's machine, or of all its machines, at once; how many there were."""
    wanted = f"{MARK}={mark(cloud, instance)}".encode()
    ended = 0
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # gone, or another user's
            entries = (process / "environ").read_bytes().split(b"\0")
            if any(entry == wanted or (not instance and entry.startswith(wanted)) for entry in entries):
                os.kill(int(process.name), signal.SIGKILL)
                ended += 1
    return ended
