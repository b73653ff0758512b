"""Poison photos: counts how often a photo went into the model without a result, across crashes of the process.

A file a photo holds the count while the photo is in the model. If the model raises, or crashes the process, the file
stays: the photo is a suspect. Suspects go into the model one at a time, so that only the photo that breaks it is
counted again. After MAX_TRIES the photo is given up; otherwise it could kill a worker at every start.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from contracts.errors import InvalidName
from contracts.names import Reference

log = logging.getLogger(__name__)

MAX_TRIES: Final = 3


class AttemptCounter:
    """The counts, in `folder`; on a disk that can't be written they last only as long as the process."""

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
        """Whether an earlier try of this photo failed or crashed."""
        return reference in self._counts

    def is_given_up(self, reference: Reference) -> bool:
        return self._counts.get(reference, 0) >= MAX_TRIES

    def begin(self, reference: Reference) -> int:
        """Count a try before the photo goes into the model; returns the number of this try."""
        tries = self._counts[reference] = self._counts.get(reference, 0) + 1
        try:
            self._path(reference).write_text(str(tries))
        except OSError as error:
            log.warning("try %d of %s can't be recorded (%s); is the disk full?", tries, reference, error)
        return tries

    def succeed(self, reference: Reference) -> None:
        """Reset the count: the photo did not break the model."""
        self._counts.pop(reference, None)
        self._path(reference).unlink(missing_ok=True)

    def _path(self, reference: Reference) -> Path:
        return self._folder / f"{reference.kiosk_id}_{reference.image_id}"
