"""What `python -m retrain` is to those who wait for it, in seconds: progress, an outcome, an exit status.

`python training_stand_in.py BEHAVIOUR [WORD…]`; the settings are those of a real training. The behaviours are methods.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.instants import now
from contracts.training import (
    EXIT_DECIDED,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    OUTCOME,
    PROGRESS,
    Phase,
    TrainingOutcome,
    TrainingProgress,
    Verdict,
    training_key,
)

CHECKPOINT = "checkpoint/last.pt"


@dataclass(frozen=True)
class StandIn:
    """One training. Its public methods are the behaviours that can be asked for."""

    _s3: Any
    _training: str
    _bucket: str
    _least: str

    @property
    def _checkpoint(self) -> str:
        return training_key(self._training, CHECKPOINT)

    def keep(self, _number: int, _frame: FrameType | None) -> None:
        """Told to end: the checkpoint is kept for another machine."""
        self._s3.put_object(Bucket=self._bucket, Key=self._checkpoint, Body=b"epoch 1")
        sys.exit(EXIT_INTERRUPTED)

    def _say(self, done: int) -> None:
        progress = TrainingProgress(training=self._training, phase=Phase.TRAINING, at=now(), done=done, of=100)
        key = training_key(self._training, PROGRESS)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=progress.to_json().encode())

    def _decide(self, verdict: Verdict, rule: str) -> None:
        outcome = TrainingOutcome(
            training=self._training,
            verdict=verdict,
            rule=rule,
            reason=f"It stood in, asked for {self._least} new people.",
            run=self._training if verdict is Verdict.PROMOTED else None,
            incumbent=None,
            report=f"runs/{self._training}/report.html" if verdict is Verdict.PROMOTED else None,
            ended_at=now(),
        )
        key = training_key(self._training, OUTCOME)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=outcome.to_json().encode(), IfNoneMatch="*")

    def promoted(self) -> int:
        self._decide(Verdict.PROMOTED, "better")
        return EXIT_DECIDED

    def decided(self, verdict: str, rule: str) -> int:
        """Whatever it may come to, with the status that this has."""
        self._decide(Verdict(verdict), rule)
        return EXIT_FAILED if verdict == Verdict.FAILED else EXIT_DECIDED

    def crashed(self) -> int:
        print("no space left on device", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED

    def said_so(self) -> int:
        self._decide(Verdict.FAILED, "build_broke")
        return EXIT_FAILED

    def silent(self) -> int:
        """Neither an end nor another sign of life."""
        self._say(1)
        time.sleep(600)
        return EXIT_DECIDED

    def endless(self) -> int:
        for done in range(100):
            self._say(done)
            time.sleep(1)
        return EXIT_DECIDED

    def resumed(self) -> int:
        """With a checkpoint it comes to its end; without one it waits to be told to end."""
        try:
            self._s3.head_object(Bucket=self._bucket, Key=self._checkpoint)
        except ClientError:
            self._say(1)
            signal.pause()  # `keep` does not come back
        self._decide(Verdict.KEPT, "not_better")
        return EXIT_DECIDED


def main() -> None:
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    training, bucket, least = (
        os.environ[f"NUNCHI_{name}"] for name in ("TRAINING", "DATASET_BUCKET", "LEAST_NEW_PEOPLE")
    )
    stand_in = StandIn(s3, training, bucket, least)
    signal.signal(signal.SIGTERM, stand_in.keep)
    behaviour, *words = sys.argv[1:]
    sys.exit(getattr(stand_in, behaviour)(*words))


if __name__ == "__main__":
    main()
