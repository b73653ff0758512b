"""What the trainer tells the process that started it: one JSON object a line on standard output, nothing else there.

started      device, pictures, epochs, first_epoch, batch, from, sends: the trackers that are on
epoch        epoch (from 1), epochs, map50, map50_95, losses, pictures_per_s, seconds
checkpoint   epoch, last, best: files that are whole
batch        batch, why: fewer pictures at a time from here on
note         text: what people should know
interrupted  checkpoint: a file to go on from, or null
done         what the task made: files, metrics
failed       kind (out_of_memory, bad_data, disk_full, crash), message
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


class Events:
    """Takes standard output for itself: what others print goes to standard error from here on."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)

    def tell(self, event: str, **fields: Any) -> None:
        self._out.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
        self._out.flush()

    @property
    def fileno(self) -> int:
        """For a process of ours that speaks for us."""
        return self._out.fileno()
