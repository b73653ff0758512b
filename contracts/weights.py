"""Weights on the wire: immutable runs, and the pointer to the run in service.

    runs/<run>/manifest.json   what the run is: kind, version, files and their digests (worker/models/manifests.py)
    runs/<run>/…               the files beside its manifest
    current.json               the pointer: written by a promotion, read by every worker

A run is complete once its manifest exists, which is written last. No pointer, or one whose run is null, means the day-0
model, which every worker carries.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from contracts.errors import InvalidMessage, InvalidName
from contracts.names import RUNS
from contracts.schema import Record

MANIFEST: Final = "manifest.json"
DAY_0: Final = "day-0"  # the name of the model that every worker carries; no run can have it
RUN_PATTERN: Final = "[0-9a-z][0-9a-z-]{0,63}"
MOST_TEXT: Final = 500  # characters of `moved_by` and `reason`

_RUN = re.compile(RUN_PATTERN)
_PATH = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]*(/[0-9A-Za-z_][0-9A-Za-z._-]*)*")
_SHA256 = re.compile("[0-9a-f]{64}")


def check_run_id(text: str) -> str:
    """`text` itself if it is a run's id; otherwise InvalidName."""
    if not isinstance(text, str) or not _RUN.fullmatch(text) or text == DAY_0:
        raise InvalidName(
            f"{text!r} is not the id of a run: use 1 to 64 of a-z, 0-9 and '-', no '-' first, and not {DAY_0}, "
            "as in 20261122t030405z-yolov5n"
        )
    return text


def new_run_id(at: datetime, name: str = "") -> str:
    """The id of a run created at `at`: ids sort by time. `name` is added for people, as far as it fits."""
    words = re.sub("[^0-9a-z]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"{at.astimezone(UTC):%Y%m%dt%H%M%Sz}{'-' if words else ''}{words}"


def run_key(run: str, path: str) -> str:
    """The key of a run's file; `path` is relative to its manifest. InvalidName when either is invalid."""
    return f"{RUNS}{check_run_id(run)}/{check_path(path)}"


def check_path(path: str) -> str:
    """`path` itself if it names a file beside a manifest or below; otherwise InvalidName."""
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise InvalidName(
            f"{path!r} is not the path of a run's file: it must be relative, of letters, digits, '.', '_', '-' and '/'"
        )
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. OSError if it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_beside(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The files that a manifest lists beside itself, each with its SHA-256, without those of installed packages.

    InvalidMessage when the list is invalid.
    """
    try:
        entries = [entry for entry in manifest["files"].values() if entry.get("package") is None]
        files = {check_path(entry["path"]): str(entry["sha256"]) for entry in entries}
    except (AttributeError, KeyError, InvalidName, TypeError) as error:
        raise InvalidMessage(f'the manifest\'s "files" need a path and a sha256 each: {error!r}') from None
    if MANIFEST in files or not all(map(_SHA256.fullmatch, files.values())):
        raise InvalidMessage(f'the manifest\'s "files" list {MANIFEST} itself, or an invalid sha256')
    return files


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer(Record):
    """The run in service, since when, by whom and why.

    `run` None is the day-0 model; so is `previous` None, the run in service before. `manifest_sha256` is the digest of
    the run's manifest, which holds the digests of its files.
    """

    TITLE = "pointer"

    run: str | None
    manifest_sha256: str | None
    moved_at: datetime
    moved_by: str
    previous: str | None
    reason: str

    def __post_init__(self) -> None:
        for run in (self.run, self.previous):
            if run is not None:
                check_run_id(run)
        if (self.run is None) != (self.manifest_sha256 is None):
            raise InvalidMessage("a pointer has a manifest's digest if and only if it names a run")
        if self.manifest_sha256 is not None and not _SHA256.fullmatch(self.manifest_sha256):
            raise InvalidMessage(f"{self.manifest_sha256!r} is not a SHA-256 in lower-case hexadecimal")
        for name, text in (("moved_by", self.moved_by), ("reason", self.reason)):
            if not text.strip() or len(text) > MOST_TEXT or not text.isprintable():
                raise InvalidMessage(f"a pointer's {name} is one line of 1 to {MOST_TEXT} characters, not {text!r}")
