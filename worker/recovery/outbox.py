"""What was decided and has not all gone out: one file a photo, so that a crash after storing a result loses no label.

    <photo>.json   decided: the kiosk must be told, and the training pair saved
    <photo>.told   the kiosk was told; the pair is not saved yet

A folder of this instance is enough. A label outlives its news value long before another instance could be up, and what
was not decided is found by the sweep.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from contracts.errors import InvalidMessage
from contracts.messages import Result
from contracts.names import Reference

log = logging.getLogger(__name__)


class Outbox:
    """Results on their way out, in `folder`. Not fsynced: it survives the process, not the machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for half_written in folder.glob("*.part"):
            half_written.unlink()

    def put(self, result: Result) -> None:
        """Remember the result until `remove`."""
        path = self._path(result.message.reference)
        partial = path.with_suffix(".part")
        try:
            partial.write_text(result.to_json())
            partial.rename(path)  # whole or not at all
        except OSError:
            partial.unlink(missing_ok=True)  # an empty file finds room on a full disk
            raise

    def told(self, reference: Reference) -> None:
        """The kiosk knows, or it is too late to tell it: never publish this one again."""
        path = self._path(reference)
        with suppress(FileNotFoundError):  # it could not be noted when it was put
            path.rename(path.with_suffix(".told"))

    def remove(self, reference: Reference) -> None:
        """Everything about that photo is done."""
        self._path(reference).unlink(missing_ok=True)
        self._path(reference).with_suffix(".told").unlink(missing_ok=True)

    def find(self, reference: Reference) -> tuple[Result, bool] | None:
        """What is still to do about one photo, and whether its kiosk was told; None when there is nothing."""
        for path in (self._path(reference), self._path(reference).with_suffix(".told")):
            try:
                return Result.from_json(path.read_bytes()), path.suffix == ".told"
            except (FileNotFoundError, InvalidMessage):
                continue
        return None

    def left_over(self) -> list[tuple[Result, bool]]:
        """What is still to do, oldest first, and whether its kiosk was told; files that are no result are dropped."""
        entries: list[tuple[float, Result, bool]] = []
        for path in self._folder.iterdir():
            try:
                if path.suffix in (".json", ".told"):
                    result = Result.from_json(path.read_bytes())
                    entries.append((path.stat().st_mtime, result, path.suffix == ".told"))
            except FileNotFoundError:
                continue  # settled while we looked
            except InvalidMessage:
                log.warning("%s is no result and is dropped from the outbox", path)
                path.unlink(missing_ok=True)
        return [(result, told) for _, result, told in sorted(entries, key=lambda entry: entry[0])]

    def _path(self, reference: Reference) -> Path:
        return self._folder / f"{reference.kiosk_id}_{reference.image_id}.json"
