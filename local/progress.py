"""What a cloud tells of its start and its life: one JSON object a line, written by it, read by who waits for it."""

from __future__ import annotations

import json
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
class Line:
    """One line. `at_s` counts from the beginning of the start."""

    kind: Kind
    text: str
    at_s: float


class Progress:
    """Writes the lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()
        path.write_text("")

    def say(self, kind: Kind, text: str) -> None:
        """Add a line, at once visible to readers."""
        line = Line(kind, text, round(time.monotonic() - self._began, 3))
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")


class Reader:
    """Reads the lines as they are added, from the first on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new(self) -> Iterator[Line]:
        """The lines since the last call."""
        try:
            with self._path.open() as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition("\n")
        except FileNotFoundError:
            return
        self._read += len((whole + newline).encode())
        for text in whole.splitlines():
            fields = json.loads(text)
            yield Line(Kind(fields["kind"]), fields["text"], fields["at_s"])
