"""The artifacts of a training in the dataset bucket, beside its build and its checkpoint: outcome, drift, log."""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.training import DRIFT, OUTCOME, TrainingOutcome, training_key
from retrain.bucket import DatasetBucket
from retrain.drift.guard import Drift
from retrain.fit.trainer_process import LOG

TRACKED: Final = "tracked.tar.gz"
TRACKER_PATHS: Final = ("run/wandb", "mlflow.db", "mlruns")  # in the trainer's folder
MOST_LOG: Final = 1 << 20  # bytes of the trainer's log that are stored, its end


class Artifacts:
    """The artifacts of one training. What AWS refuses passes through as botocore's ClientError."""

    def __init__(self, bucket: DatasetBucket, training: str) -> None:
        self._bucket = bucket
        self._training = training

    def outcome(self) -> TrainingOutcome | None:
        """The stored outcome; None while the training has not ended."""
        content = self._bucket.get(training_key(self._training, OUTCOME))
        return None if content is None else TrainingOutcome.from_json(content)

    def store_outcome(self, outcome: TrainingOutcome) -> TrainingOutcome:
        """Store the outcome unless there is one; the stored one."""
        content = outcome.to_json().encode()
        self._bucket.put_once(training_key(self._training, OUTCOME), content, "application/json")
        return self.outcome() or outcome

    def store_drift(self, drift: Drift) -> None:
        content = json.dumps(drift.to_fields(), indent=2) + "\n"
        self._bucket.put(training_key(self._training, DRIFT), content.encode(), "application/json")

    def store_tracked(self, work: Path) -> None:
        """Store what a tracker wrote offline in the trainer's folder, for `wandb sync` or `mlflow ui` elsewhere."""
        paths = [path for name in TRACKER_PATHS if (path := work / name).exists()]
        if not paths:
            return
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for path in paths:
                archive.add(path, arcname=path.relative_to(work))
        self._bucket.put(training_key(self._training, TRACKED), content.getvalue(), "application/gzip")

    def store_log(self, work: Path) -> None:
        """Store the end of the trainer's log. An error is ignored: the outcome matters more."""
        with suppress(OSError, ClientError, BotoCoreError):
            content = (work / LOG).read_bytes()[-MOST_LOG:]
            self._bucket.put(training_key(self._training, LOG), content, "text/plain")
