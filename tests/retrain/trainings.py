"""What tests of trainings share: a dataset bucket on moto with drawn people in it, and the fake trainer."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from contracts.names import Reference, new_image_id
from contracts.yolo import format_labels
from demo.drawn_people import DrawnPicture, draw
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import DatasetBucket, Tree
from retrain.fit.trainer_process import TrainerProcess

FAKE: Final = (sys.executable, str(Path(__file__).with_name("fake_trainer.py")))
AT: Final = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def process(
    work: Path, *, stopping: threading.Event | None = None, stall_s: float = 20.0, grace_s: float = 10.0
) -> TrainerProcess:
    """The fake trainer."""
    return TrainerProcess(
        command=FAKE, work=work, stopping=stopping or threading.Event(), stall_s=stall_s, grace_s=grace_s
    )


@cache
def _drawn(seed: int, size: tuple[int, int], label: Label) -> DrawnPicture:
    """Every test of a file has the same people."""
    return draw(seed, size=size, labels=[label])


def fill(bucket: DatasetBucket, tree: Tree, seeds: Sequence[int], *, size: tuple[int, int] = (96, 72)) -> None:
    """Drawn photos of one person each, the labels by turns, minutes apart."""
    for number, seed in enumerate(seeds):
        drawn = _drawn(seed, size, LABELS[number % 4])
        at = AT + timedelta(minutes=10 * seed)
        reference = Reference("counter-1", new_image_id(at, random.Random(seed).randbytes(10)))
        bucket.put_pair(tree, reference, jpeg=drawn.jpeg, labels=format_labels(drawn.people, LABELS))
