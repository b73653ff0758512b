"""Runs of weights on the worker's disk: whole or not at all, the last two that served, and which served last.

<state>/weights/<run>/…         a run as it lies in the bucket; its folder has its name when all of it is there
<state>/weights/served.json     the runs that served here, the latest last; null is the model of day 0
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.weights import MANIFEST, check_run_id, files_beside, run_key
from worker.models.manifests import InvalidModel
from worker.rollout.weights import WeightsBucket

MOST_MANIFEST: Final = 1 << 20  # bytes
MOST_FILE: Final = 1 << 30
KEPT: Final = 2  # the run in service, and the way back to the one before
_PART: Final = ".part"
_SERVED: Final = "served.json"


class Runs:
    """The runs in one folder, which nobody else writes. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._one_at_a_time = threading.Lock()

    def get(self, run: str, manifest_sha256: str, weights: WeightsBucket) -> Path:
        """The manifest of a run that lies here whole, fetched if it did not.

        InvalidModel when the bucket has no such run; WeightsAway when it does not answer; OSError when the disk is
        full. Nothing is left of a run that did not come whole.
        """
        with self._one_at_a_time:  # one that was given up on may still be at it
            return self._get(run, manifest_sha256, weights)

    def _get(self, run: str, manifest_sha256: str, weights: WeightsBucket) -> Path:
        place = self._folder / check_run_id(run)
        if self._is_whole(place, manifest_sha256):
            return place / MANIFEST
        part = place.with_name(run + _PART)
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            weights.fetch(run_key(run, MANIFEST), part / MANIFEST, most=MOST_MANIFEST)
            _require_digest(part / MANIFEST, manifest_sha256, f"the manifest of run {run}")
            for path, promised in _files(part, run).items():
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                weights.fetch(run_key(run, path), part / path, most=MOST_FILE)
                _require_digest(part / path, promised, f"{path} of run {run}")
            shutil.rmtree(place, ignore_errors=True)
            part.rename(place)
            if run in self._served():  # with other bytes
                self._note([one for one in self._served() if one != run])
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return place / MANIFEST

    def serves(self, run: str | None) -> None:
        """Note that a run serves from now on, and forget all but the last two."""
        served = [one for one in self._served() if one != run]
        kept = [one for one in served if one is not None][-(KEPT - (run is not None)) :]
        self._note([*(one for one in served if one in kept), run])
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in (*kept, run):
                shutil.rmtree(folder, ignore_errors=True)

    def has_served(self, run: str) -> bool:
        """Whether it served here, and was not forgotten since."""
        return run in self._served()

    def latest(self) -> str | None:
        """The run that served last; None for the model of day 0."""
        served = self._served()
        return served[-1] if served else None

    def manifest(self, run: str) -> Path:
        """Where the manifest of a run would lie."""
        return self._folder / run / MANIFEST

    def _note(self, served: list[str | None]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / (_SERVED + _PART)
        fresh.write_text(json.dumps(served))
        fresh.replace(self._folder / _SERVED)

    def _served(self) -> list[str | None]:
        try:
            served = json.loads((self._folder / _SERVED).read_text())
            return [None if one is None else check_run_id(one) for one in served]
        except (OSError, TypeError, ValueError):  # never written, or by a disk that was full: as if none had served
            return []

    def _is_whole(self, place: Path, manifest_sha256: str) -> bool:
        try:
            _require_digest(place / MANIFEST, manifest_sha256, "it")
            for path, promised in _files(place, place.name).items():
                _require_digest(place / path, promised, "it")
        except (OSError, InvalidModel):
            return False
        return True


def _files(folder: Path, run: str) -> Mapping[str, str]:
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_bytes())
        return files_beside(manifest)
    except ValueError as error:  # ContractError is a ValueError
        raise InvalidModel(f"the manifest of run {run}: {error}; it is not loaded. Promote another run") from None


def _require_digest(path: Path, promised: str, what: str) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != promised:
        raise InvalidModel(
            f"{what} has SHA-256 {digest}, not {promised}: cut off, or not the bytes that were promoted; it is not "
            "loaded. Add the run again under another id"
        )
