"""A training is followed to its end, whatever the trainer does, and what was learned is stored."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from retrain.bucket import DatasetBucket
from retrain.errors import Interrupted, TrainerFailed
from retrain.fit.checkpoints import Checkpoints, Saved
from retrain.fit.trainer_process import DiskFull, OutOfMemory, TrainerProcess
from retrain.fit.training import Plan, TrainedWeights, TrainingSession, export
from tests.retrain.trainings import process
from tests.waiting import until

TRAINING = "20261122t030405z-yolov5n"


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        yield DatasetBucket(s3, "dataset")


@pytest.fixture
def checkpoints(bucket: DatasetBucket) -> Checkpoints:
    return Checkpoints(bucket, TRAINING)


class Heard:
    """What a training said."""

    def __init__(self) -> None:
        self.said: list[tuple[int, int, str]] = []

    def __call__(self, done: int, of: int, note: str) -> None:
        self.said.append((done, of, note))


def training(
    trainer: TrainerProcess,
    checkpoints: Checkpoints | None,
    *,
    say: Any = lambda *_: None,
    build: str = "b1",
    **hyperparameters: Any,
) -> TrainingSession:
    plan = Plan(model="yolov5n.yaml", epochs=4, hyperparameters=hyperparameters)
    return TrainingSession(
        trainer, plan, data=Path("data.yaml"), build=build, checkpoints=checkpoints, say=say, store_every_s=0
    )


def test_a_training_is_told_epoch_by_epoch(tmp_path: Path, checkpoints: Checkpoints) -> None:
    heard = Heard()
    trained = training(process(tmp_path), checkpoints, say=heard).run()
    assert heard.said == [
        (0, 4, "24 pictures on fake, 16 at a time"),
        (1, 4, "mAP50 0.125, mAP50-95 0.062 on val; 0.1 s, about 0 s left"),
        (2, 4, "mAP50 0.250, mAP50-95 0.125 on val; 0.1 s, about 0 s left"),
        (3, 4, "mAP50 0.375, mAP50-95 0.188 on val; 0.1 s, about 0 s left"),
        (4, 4, "mAP50 0.500, mAP50-95 0.250 on val; 0.1 s, about 0 s left"),
    ]
    best = tmp_path / "checkpoint" / "best.pt"
    last = tmp_path / "checkpoint" / "last.pt"
    assert trained == TrainedWeights(best, last, {"map50": 0.5}, 4, trained.seconds, "fake", ())
    assert export(process(tmp_path), trained.best, 64).read_text() == "4"


def test_a_training_that_is_told_to_end_is_gone_on_with_elsewhere(tmp_path: Path, checkpoints: Checkpoints) -> None:
    stopping = threading.Event()
    here, there = tmp_path / "here", tmp_path / "there"

    def end() -> None:
        until((here / "waiting").exists, within_s=60, what="epoch 3")
        stopping.set()

    ender = threading.Thread(target=end)
    ender.start()
    with pytest.raises(Interrupted):
        training(process(here, stopping=stopping), checkpoints, fake="wait", at=3).run()
    ender.join()
    heard = Heard()
    trained = training(process(there), checkpoints, say=heard).run()
    assert trained.epochs == 2
    assert heard.said[:2] == [
        (2, 4, "goes on after epoch 2, from its checkpoint"),
        (2, 4, "24 pictures on fake, 16 at a time"),
    ]


def test_a_crash_is_told_with_the_last_words_and_keeps_the_checkpoint(tmp_path: Path, checkpoints: Checkpoints) -> None:
    with pytest.raises(TrainerFailed) as told:
        training(process(tmp_path), checkpoints, fake="crash", at=3).run()
    assert str(told.value) == (
        "the trainer broke (crash): it ended with status 3 and no word\n"
        "  the fake trainer starts\n  many colours\n  Traceback: the head fell off"
    )
    saved = checkpoints.load(tmp_path / "again")
    assert saved == Saved(tmp_path / "again" / "last.pt", 2, "b1")


def test_a_trainer_that_hangs_is_ended_with_its_session(tmp_path: Path) -> None:
    trainer = process(tmp_path, stall_s=0.5)
    with pytest.raises(TrainerFailed, match=r"\(stall\): it said nothing for 0\.5 s, and was ended"):
        training(trainer, None, fake="hang").run()


def test_one_that_does_not_listen_is_ended_after_its_grace(tmp_path: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Interrupted):
        training(process(tmp_path, stopping=stopping, grace_s=0.5), None, fake="hang", at=1).run()


def test_a_full_disk_is_told_with_numbers(tmp_path: Path, checkpoints: Checkpoints) -> None:
    with pytest.raises(DiskFull, match=r"the disk of .* is full: [\d,]+ MB of [\d.,]+ GB are left; .* start another"):
        training(process(tmp_path), checkpoints, fake="disk_full").run()
    saved = checkpoints.load(tmp_path / "again")
    assert saved is not None
    assert saved.epoch == 1


def test_too_little_memory_halves_the_batch_and_goes_on(tmp_path: Path, checkpoints: Checkpoints) -> None:
    trained = training(process(tmp_path), checkpoints, fake="memory", at=3).run()
    assert trained.notes == ("not enough memory; it goes on with 8 pictures at a time",)
    assert trained.epochs == 4  # two of them before, none of them twice


def test_memory_that_is_never_enough_ends_it(tmp_path: Path) -> None:
    plan = Plan(model="yolov5n.yaml", batch=512, hyperparameters={"fake": "memory", "at": 1})
    with pytest.raises(OutOfMemory):
        TrainingSession(
            process(tmp_path), plan, data=Path("d"), build="b1", checkpoints=None, say=lambda *_: None
        ).run()


def test_a_trainer_that_is_not_installed_is_told_with_the_remedy(tmp_path: Path) -> None:
    trainer = TrainerProcess(command=["/nowhere/python"], work=tmp_path, stopping=threading.Event())
    with pytest.raises(TrainerFailed, match=r"/nowhere/python .*set NUNCHI_TRAINER_PYTHON"):
        trainer.run({"task": "train"})


@pytest.mark.parametrize(("track", "known"), [("none", []), ("wandb", ["WANDB_API_KEY"]), ("mlflow", [])])
def test_the_trainer_knows_no_secret_but_that_of_the_tracker_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, track: str, known: list[str]
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "WANDB_API_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "secret")
    script = tmp_path / "trainer.py"
    script.write_text(
        "import json, os\n"
        "known = [name for name, value in os.environ.items() if value == 'secret']\n"
        "print(json.dumps({'event': 'done', 'known': known, 'path': os.environ['PATH']}))"
    )
    trainer = TrainerProcess(command=[sys.executable, str(script)], work=tmp_path, stopping=threading.Event())
    assert trainer.run({"task": "train", "track": track}) == {
        "event": "done",
        "known": known,
        "path": os.environ["PATH"],
    }


def test_a_checkpoint_of_another_dataset_is_not_gone_on_from(tmp_path: Path, checkpoints: Checkpoints) -> None:
    training(process(tmp_path), checkpoints).run()
    trained = training(process(tmp_path / "new"), checkpoints, build="b2").run()
    assert trained.epochs == 4
    assert trained.notes == ("the checkpoint was trained on build b1, not b2; it is not gone on from",)


def test_a_checkpoint_that_is_half_written_leaves_the_one_before(
    tmp_path: Path, bucket: DatasetBucket, checkpoints: Checkpoints
) -> None:
    (tmp_path / "last.pt").write_bytes(b"one")
    checkpoints.save(tmp_path / "last.pt", None, epoch=1, build="b1")
    bucket.put(f"trainings/{TRAINING}/checkpoint/b/last.pt", b"tw", "application/octet-stream")  # and then it died
    saved = checkpoints.load(tmp_path / "again")
    assert saved == Saved(tmp_path / "again" / "last.pt", 1, "b1")
    assert saved.last.read_bytes() == b"one"


@pytest.mark.parametrize("broken", ["a/last.pt", "state.json"])
def test_a_checkpoint_that_is_not_the_bytes_promised_is_none(
    tmp_path: Path, bucket: DatasetBucket, checkpoints: Checkpoints, broken: str
) -> None:
    (tmp_path / "last.pt").write_bytes(b"one")
    checkpoints.save(tmp_path / "last.pt", None, epoch=1, build="b1")
    bucket.put(f"trainings/{TRAINING}/checkpoint/{broken}", b"{", "application/octet-stream")
    assert checkpoints.load(tmp_path / "again") is None


def test_a_storage_that_is_away_costs_the_checkpoint_and_not_the_training(
    tmp_path: Path, checkpoints: Checkpoints
) -> None:
    def away(event: Any) -> None:
        if event["event"] == "started":
            boto3.client("s3", region_name="us-east-1").delete_bucket(Bucket="dataset")

    plan = Plan(model="yolov5n.yaml", epochs=4)
    one = TrainingSession(
        process(tmp_path),
        plan,
        data=Path("d"),
        build="b1",
        checkpoints=checkpoints,
        say=lambda *_: None,
        store_every_s=0,
        follow=away,
    )
    assert one.run().epochs == 4
