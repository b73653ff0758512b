"""Whose processes are left: every process of a cloud has the cloud's folder in its environment or its arguments."""

from __future__ import annotations

import socket
from pathlib import Path

from local.ports import LOOPBACK


def processes_of(state: Path) -> dict[int, str]:
    """Process id → command line, of everything that was started for the cloud in `state`. Linux only."""
    mark = str(state).encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                if mark in command or mark in (folder / "environ").read_bytes():
                    found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue  # it has just ended, or is somebody else's
    return found


def listening(port: int) -> bool:
    """Whether somebody answers on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
