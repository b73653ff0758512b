"""The heartbeat and the lines of a training."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from contracts.training import Phase, TrainingProgress
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket
from retrain.run.reporting import Reporter
from tests.retrain.trainings import AT
from tests.waiting import until

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TRAINING = "20261122t030405z-yolov5n"


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


def test_the_heart_beats_as_long_as_there_is_life(s3: S3Client) -> None:
    beats: list[bytes] = []

    class Counting(DatasetBucket):
        def put(self, key: str, content: bytes, content_type: str) -> None:
            assert (key, content_type) == (f"trainings/{TRAINING}/progress.json", "application/json")
            beats.append(content)

    out = io.StringIO()
    bucket = Counting(s3, "dataset")
    with Reporter(bucket, TRAINING, clock=lambda: AT, silence_s=0.3, beat_s=0.02, out=out) as reporter:
        reporter.phase(Phase.TRAINING, "begins")
        reporter.say(10, 10, "epoch")
        until(lambda: _beats(reporter, beats), within_s=60, what="beats")
        until(lambda: _quiet(beats), within_s=60, what="silence after 0.3 s without a word")
    last = TrainingProgress.from_json(beats[-1])
    assert (last.phase, last.done, last.of, last.note) == (Phase.TRAINING, 10, 10, "epoch")
    assert out.getvalue() == "training: begins\ntraining: 10 of 10, epoch\n"


def _beats(reporter: Reporter, beats: list[bytes]) -> bool:
    reporter.alive()
    return len(beats) > 5


def _quiet(beats: list[bytes]) -> bool:
    before = len(beats)
    threading.Event().wait(0.1)
    return len(beats) == before


def test_a_storage_that_is_away_costs_a_beat_and_not_the_training(
    s3: S3Client, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = DatasetBucket(s3, "nowhere")
    with Reporter(bucket, TRAINING, clock=lambda: AT, silence_s=60, out=io.StringIO()) as reporter:
        reporter.phase(Phase.BUILDING, "begins")
    assert "the progress could not be written" in caplog.text


def test_a_log_gets_a_line_for_each_epoch_and_one_for_what_is_done(s3: S3Client) -> None:
    out = io.StringIO()
    s3.create_bucket(Bucket="dataset")
    reporter = Reporter(DatasetBucket(s3, "dataset", classes=LABELS), TRAINING, clock=lambda: AT, silence_s=60, out=out)
    reporter.phase(Phase.BUILDING, "the dataset")
    for done in range(1, 361):
        reporter.say(done, 360, "photos read")
    reporter.phase(Phase.TRAINING, "24 photos")
    reporter.say(1, 3, "epoch")
    reporter.say(2, 3, "epoch")
    reporter.phase(Phase.JUDGING, "the candidate")
    for _ in ("the candidate", "the incumbent", "and once more, raw"):
        reporter.say(25, 59, "a model looks at the photos")
        reporter.say(59, 59, "a model looks at the photos")
    assert out.getvalue().splitlines() == [
        "building: the dataset",
        "building: 360 of 360, photos read",
        "training: 24 photos",
        "training: 1 of 3, epoch",
        "training: 2 of 3, epoch",
        "judging: the candidate",
        "judging: 59 of 59, a model looks at the photos",
    ]
