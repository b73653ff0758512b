"""What a training that was cut off goes on from: the trainer's files in the dataset bucket, in two places by turns.

    trainings/<training>/checkpoint/a/last.pt, best.pt     and the same under b/
    trainings/<training>/checkpoint/state.json             which of the two is whole, and its digests; written last

A machine that is taken away while it writes one of them leaves the other.
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
PLACES: Final = ("a", "b")


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint on disk, every byte checked. `epoch` counts from 1; `build` is the dataset it was trained on."""

    last: Path
    epoch: int
    build: str


class Checkpoints:
    """The checkpoints of one training. What AWS refuses passes through as botocore's ClientError."""

    def __init__(self, bucket: DatasetBucket, training: str) -> None:
        self._bucket = bucket
        self._training = training

    def save(self, last: Path, best: Path | None, *, epoch: int, build: str) -> None:
        """Store it in the place that does not hold the one before."""
        before = self._state()
        place = PLACES[0] if before is None or before["place"] == PLACES[1] else PLACES[1]
        digests = {}
        for name, path in ((LAST, last), (BEST, best)):
            if path is not None:
                content = path.read_bytes()
                self._bucket.put(self._key(f"{place}/{name}"), content, "application/octet-stream")
                digests[name] = hashlib.sha256(content).hexdigest()
        state = {"schema": SCHEMA, "place": place, "epoch": epoch, "build": build, "sha256": digests}
        self._bucket.put(self._key(STATE), json.dumps(state).encode(), "application/json")

    def load(self, folder: Path) -> Saved | None:
        """The newest that is whole, as files in `folder`; None when there is none, and a training begins anew."""
        if (state := self._state()) is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        for name, digest in state["sha256"].items():
            content = self._bucket.get(self._key(f"{state['place']}/{name}"))
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                return None
            (folder / name).write_bytes(content)
        return Saved(folder / LAST, state["epoch"], state["build"])

    def _state(self) -> dict[str, Any] | None:
        content = self._bucket.get(self._key(STATE))
        try:
            state = json.loads(content or b"null")
            whole = state["schema"] == SCHEMA and state["place"] in PLACES and LAST in state["sha256"]
            known = set(state["sha256"]) <= {LAST, BEST} and isinstance(state["epoch"], int)
            return state if whole and known and isinstance(state["build"], str) else None
        except (ValueError, TypeError, KeyError):
            return None

    def _key(self, path: str) -> str:
        return training_key(self._training, CHECKPOINT + path)
