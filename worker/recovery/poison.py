"""How often a photo went into the model and did not come out, across crashes of the process.

A file a photo holds the count while the photo is in the model. If the model raises, or takes the whole process with it,
the file stays: the photo is a suspect. Suspects go into the model one at a time, so that only the guilty one is counted
again, and after MOST_TRIES it is given up, lest it kill a worker at every start.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from contracts.errors import InvalidName
from contracts.names import Reference

log = logging.getLogger(__name__)

MOST_TRIES: Final = 3


class AttemptCounter:
    """The counts, in `folder`; a disk that can't be written costs only their memory across crashes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._counts: dict[Reference, int] = {}
        for path in folder.iterdir():
            try:
                self._counts[Reference.parse(path.name.replace("_", "/"))] = int(path.read_text() or 1)
            except (InvalidName, ValueError):
                path.unlink()

    def is_suspect(self, reference: Reference) -> bool:
        """Whether a try of this photo has not ended well."""
        return reference in self._counts

    def is_given_up(self, reference: Reference) -> bool:
        return self._counts.get(reference, 0) >= MOST_TRIES

    def begin(self, reference: Reference) -> int:
        """The photo goes into the model; which try this is."""
        tries = self._counts[reference] = self._counts.get(reference, 0) + 1
        try:
            self._path(reference).write_text(str(tries))
        except OSError as error:
            log.warning("the try of %s can't be noted (%s); is the disk full?", reference, error)
        return tries

    def succeed(self, reference: Reference) -> None:
        """The photo came out of the model: whatever happened before was not its fault."""
        self._counts.pop(reference, None)
        self._path(reference).unlink(missing_ok=True)

    def _path(self, reference: Reference) -> Path:
        return self._folder / f"{reference.kiosk_id}_{reference.image_id}"
