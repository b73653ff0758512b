"""Outbox pattern: results that are not fully delivered, one file a photo, so that a crash loses no label.

    <photo>.json        decided: the label is not published, the training pair perhaps not saved
    <photo>.published   the label is published; the training pair is not saved yet

A folder of this instance is enough. A label expires long before another instance could take over, and the sweep finds
photos that were not decided.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from contracts.errors import InvalidMessage
from contracts.names import Reference
from worker.messages import AnyResult, result_from_json

log = logging.getLogger(__name__)

_PUBLISHED: Final = ".published"


class Outbox:
    """Undelivered results, in `folder`. Not fsynced: it survives the process, not the machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for partial in folder.glob("*.part"):
            partial.unlink()

    def put(self, result: AnyResult) -> None:
        """Record the result until `remove`. OSError if it can't be written."""
        path = self._path(result.message.reference)
        partial = path.with_suffix(".part")
        try:
            partial.write_text(result.to_json())
            partial.rename(path)  # atomic: a crash leaves no half-written result
        except OSError:
            partial.unlink(missing_ok=True)  # an empty file finds room on a full disk
            raise

    def mark_published(self, reference: Reference) -> None:
        """The label was published, expired or refused: it is never published again."""
        path = self._path(reference)
        with suppress(FileNotFoundError):  # `put` may have failed
            path.rename(path.with_suffix(_PUBLISHED))

    def remove(self, reference: Reference) -> None:
        """The photo's result is delivered, or was never stored."""
        self._path(reference).unlink(missing_ok=True)
        self._path(reference).with_suffix(_PUBLISHED).unlink(missing_ok=True)

    def find(self, reference: Reference) -> tuple[AnyResult, bool] | None:
        """The undelivered result of a photo, and whether its label was published; None when there is no result."""
        for path in (self._path(reference), self._path(reference).with_suffix(_PUBLISHED)):
            try:
                return result_from_json(path.read_bytes()), path.suffix == _PUBLISHED
            except (FileNotFoundError, InvalidMessage):
                continue
        return None

    def entries(self) -> list[tuple[AnyResult, bool]]:
        """All undelivered results, oldest first, as in `find`; invalid files are deleted."""
        dated: list[tuple[float, AnyResult, bool]] = []
        for path in self._folder.iterdir():
            try:
                if path.suffix in (".json", _PUBLISHED):
                    result = result_from_json(path.read_bytes())
                    dated.append((path.stat().st_mtime, result, path.suffix == _PUBLISHED))
            except FileNotFoundError:
                continue  # delivered since the folder was listed
            except InvalidMessage as error:
                log.warning("outbox file %s is not a valid result and is deleted: %s", path, error)
                path.unlink(missing_ok=True)
        return [(result, published) for _, result, published in sorted(dated, key=lambda entry: entry[0])]

    def _path(self, reference: Reference) -> Path:
        return self._folder / f"{reference.kiosk_id}_{reference.image_id}.json"
