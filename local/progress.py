"""The progress file of a cloud: one JSON object a line, written by the cloud, read by `nunchi up` and `status`.

The first line identifies the writer, so that a reader notices when another cloud has replaced the file.
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
    """The kind of a line."""

    PHASE = "phase"  # of the start
    READY = "ready"  # the cloud is up
    NOTE = "note"  # an event while it is up
    FAILED = "failed"  # an error ended it; the last line
    STOPPED = "stopped"  # it was stopped; the last line


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """One line. `at_s`: seconds since the start began."""

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
        """Append a line, visible to readers at once."""
        line = ProgressLine(kind, text, round(time.monotonic() - self._began, 3))
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")


class Reader:
    """Reads lines as they are appended, from the first on; starts again when another cloud has replaced the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ""
        self._read = 0

    def new(self) -> Iterator[ProgressLine]:
        """The lines since the last call."""
        try:
            complete, _, _ = self._path.read_text().rpartition("\n")
        except FileNotFoundError:
            return
        writer, *lines = complete.splitlines() or [""]
        if writer != self._writer:
            self._writer, self._read = writer, 0
        for text in lines[self._read :]:
            self._read += 1
            fields = json.loads(text)
            yield ProgressLine(Kind(fields["kind"]), fields["text"], fields["at_s"])


def failure(path: Path) -> str | None:
    """The error that ended the cloud of a progress file; None when it did not fail."""
    lines = list(Reader(path).new())
    return lines[-1].text if lines and lines[-1].kind is Kind.FAILED else None
