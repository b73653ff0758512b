"""Checkpoints, from which an interrupted training resumes: stored in the dataset bucket, in two slots by turns.

    trainings/<training>/checkpoint/a/last.pt, best.pt     and the same under b/
    trainings/<training>/checkpoint/state.json             the slot that is complete, and its digests; written last

A machine that disappears while it writes one slot leaves the other.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.training import CHECKPOINT, training_key
from retrain.bucket import DatasetBucket

SCHEMA: Final = 1
STATE: Final = "state.json"
LAST: Final = "last.pt"
BEST: Final = "best.pt"
SLOTS: Final = ("a", "b")


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """A checkpoint on disk, its digests checked. `epoch` counts from 1; `build` is its dataset."""

    last: Path
    epoch: int
    build: str


class Checkpoints:
    """The checkpoints of one training. What AWS refuses passes through as botocore's ClientError."""

    def __init__(self, bucket: DatasetBucket, training: str) -> None:
        self._bucket = bucket
        self._training = training

    def save(self, last: Path, best: Path | None, *, epoch: int, build: str) -> None:
        """Store a checkpoint in the slot that does not hold the previous one."""
        previous = self._state()
        slot = SLOTS[0] if previous is None or previous["place"] == SLOTS[1] else SLOTS[1]
        digests = {}
        for name, path in ((LAST, last), (BEST, best)):
            if path is not None:
                content = path.read_bytes()
                self._bucket.put(self._key(f"{slot}/{name}"), content, "application/octet-stream")
                digests[name] = hashlib.sha256(content).hexdigest()
        state = {"schema": SCHEMA, "place": slot, "epoch": epoch, "build": build, "sha256": digests}
        self._bucket.put(self._key(STATE), json.dumps(state).encode(), "application/json")

    def load(self, folder: Path) -> LoadedCheckpoint | None:
        """Download the newest checkpoint into `folder`; None without a valid one: the training then starts over."""
        if (state := self._state()) is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        for name, digest in state["sha256"].items():
            content = self._bucket.get(self._key(f"{state['place']}/{name}"))
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                return None
            (folder / name).write_bytes(content)
        return LoadedCheckpoint(folder / LAST, state["epoch"], state["build"])

    def _state(self) -> dict[str, Any] | None:
        content = self._bucket.get(self._key(STATE))
        try:
            state = json.loads(content or b"null")
            valid = (
                state["schema"] == SCHEMA
                and state["place"] in SLOTS
                and {LAST} <= set(state["sha256"]) <= {LAST, BEST}
                and isinstance(state["epoch"], int)
                and isinstance(state["build"], str)
            )
            return state if valid else None
        except (ValueError, TypeError, KeyError):
            return None

    def _key(self, path: str) -> str:
        return training_key(self._training, CHECKPOINT + path)
