"""The trainer's events for its parent process: JSON lines on standard output.

started      device, pictures, epochs, first_epoch, batch, from, sends: the enabled trackers
epoch        epoch (from 1), epochs, map50, map50_95, losses, pictures_per_s, seconds; of a network that learns with
             heads: epoch, epochs, optimizer, loss, chosen_loss, seconds
alive        within an epoch of a network that learns with heads
checkpoint   epoch, last, best: complete files
batch        batch, why: a smaller batch from here on
note         text: a deviation that a person should know
interrupted  checkpoint: a file to resume from, or null
done         the task's results: files, metrics
failed       kind (out_of_memory, bad_data, disk_full, crash), message
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


class Events:
    """Owns standard output: other prints are redirected to standard error."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)

    def send(self, event: str, **fields: Any) -> None:
        self._out.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
        self._out.flush()

    @property
    def fileno(self) -> int:
        """For a child process that sends the events."""
        return self._out.fileno()
