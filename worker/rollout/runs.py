"""Runs of weights on the worker's disk: complete or not at all; the last two that served, and which served last.

<state>/weights/<run>/…         a copy of the run in the bucket; the folder is renamed to <run> when it is complete
<state>/weights/served.json     the runs that served on this worker, the latest last; null is the day-0 model
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from contracts.weights import MANIFEST, check_run_id, files_beside, run_key, sha256_of
from worker.models.manifests import InvalidModel
from worker.rollout.weights import WeightsBucket

MAX_MANIFEST_BYTES: Final = 1 << 20  # bytes
MAX_FILE_BYTES: Final = 1 << 30
KEPT: Final = 2  # the run in service, and the one before it for a rollback
_PART: Final = ".part"
_SERVED: Final = "served.json"


class Runs:
    """The runs in one folder, of which this is the only writer. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fetch_lock = threading.Lock()

    def fetch(self, run: str, manifest_sha256: str, weights: WeightsBucket) -> Path:
        """The manifest of a run, which is fetched unless it is on the disk, complete.

        InvalidModel when the bucket has no such run; WeightsUnavailable when it does not answer; OSError when the disk
        is full. An incomplete run is deleted.
        """
        folder = self._folder / check_run_id(run)
        partial = folder.with_name(run + _PART)
        with self._fetch_lock, ExitStack() as cleanup:  # a fetch that timed out may still run
            if self._is_complete(folder, manifest_sha256):
                return folder / MANIFEST
            shutil.rmtree(partial, ignore_errors=True)
            cleanup.callback(shutil.rmtree, partial, ignore_errors=True)
            partial.mkdir(parents=True)
            weights.fetch(run_key(run, MANIFEST), partial / MANIFEST, max_bytes=MAX_MANIFEST_BYTES)
            _require_digest(partial / MANIFEST, manifest_sha256, f"the manifest of run {run}")
            for path, sha256 in _files(partial, run).items():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                weights.fetch(run_key(run, path), partial / path, max_bytes=MAX_FILE_BYTES)
                _require_digest(partial / path, sha256, f"{path} of run {run}")
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
            if run in self._read_served():  # with other bytes
                self._write_served([served for served in self._read_served() if served != run])
        return folder / MANIFEST

    def mark_served(self, run: str | None) -> None:
        """Record that a run serves from now on, and delete all but the last two."""
        earlier = [served for served in self._read_served() if served != run]
        kept = [served for served in earlier if served is not None][-(KEPT - (run is not None)) :]
        self._write_served([*(served for served in earlier if served in kept), run])
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in (*kept, run):
                shutil.rmtree(folder, ignore_errors=True)

    def has_served(self, run: str) -> bool:
        """Whether the run served on this worker, and is still recorded."""
        return run in self._read_served()

    def last_served(self) -> str | None:
        """The run that served last; None for the day-0 model."""
        served = self._read_served()
        return served[-1] if served else None

    def manifest(self, run: str) -> Path:
        """The path of a run's manifest."""
        return self._folder / run / MANIFEST

    def _write_served(self, served: list[str | None]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / (_SERVED + _PART)
        partial.write_text(json.dumps(served))
        partial.replace(self._folder / _SERVED)

    def _read_served(self) -> list[str | None]:
        try:
            served = json.loads((self._folder / _SERVED).read_text())
            return [None if run is None else check_run_id(run) for run in served]
        except (OSError, TypeError, ValueError):  # missing, or damaged by a full disk: no run is known to have served
            return []

    def _is_complete(self, folder: Path, manifest_sha256: str) -> bool:
        try:
            _require_digest(folder / MANIFEST, manifest_sha256, MANIFEST)
            for path, sha256 in _files(folder, folder.name).items():
                _require_digest(folder / path, sha256, path)
        except (OSError, InvalidModel):
            return False
        return True


def _files(folder: Path, run: str) -> Mapping[str, str]:
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_bytes())
        return files_beside(manifest)
    except ValueError as error:  # ContractError is a ValueError
        raise InvalidModel(
            f"the manifest of run {run} is invalid: {error}; it is not loaded. Promote another run"
        ) from None


def _require_digest(path: Path, sha256: str, name: str) -> None:
    if (digest := sha256_of(path)) != sha256:
        raise InvalidModel(
            f"{name} has SHA-256 {digest}, not {sha256}: it is truncated or was changed after the promotion; it is not "
            "loaded. Add the run again under another id"
        )
