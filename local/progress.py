"""What a cloud tells of its start and its life: one JSON object a line, written by it, read by who waits for it.

The first line says whose words follow. So a reader that began with an earlier cloud's file knows when it is another's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a line is about."""

    PHASE = "phase"  # of the start: what is being done now
    READY = "ready"  # the cloud is up
    NOTE = "note"  # something happened while it was up
    FAILED = "failed"  # it can't start, or can't go on; the last line
    STOPPED = "stopped"  # nothing is left; the last line


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """One line. `at_s` counts from the beginning of the start."""

    kind: Kind
    text: str
    at_s: float


class ProgressLog:
    """Writes the lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()
        path.write_text(json.dumps({"supervisor": os.getpid(), "began_ns": time.time_ns()}) + "\n")

    def say(self, kind: Kind, text: str) -> None:
        """Add a line, at once visible to readers."""
        line = ProgressLine(kind, text, round(time.monotonic() - self._began, 3))
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")


class Reader:
    """Reads the lines as they are added, from the first on; from the first again when another cloud writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whose = ""
        self._told = 0

    def new(self) -> Iterator[ProgressLine]:
        """The lines that it has not given yet."""
        try:
            whole, _, _ = self._path.read_text().rpartition("\n")
        except FileNotFoundError:
            return
        whose, *lines = whole.splitlines() or [""]
        if whose != self._whose:
            self._whose, self._told = whose, 0
        for text in lines[self._told :]:
            self._told += 1
            fields = json.loads(text)
            yield ProgressLine(Kind(fields["kind"]), fields["text"], fields["at_s"])


def failure(path: Path) -> str | None:
    """Why the cloud that told its progress in `path` could not start or go on; None when it did not fail."""
    lines = list(Reader(path).new())
    return lines[-1].text if lines and lines[-1].kind is Kind.FAILED else None
