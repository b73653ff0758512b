"""A training session ends properly whatever the trainer does, and its checkpoint is stored."""

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

from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket
from retrain.errors import Interrupted, TrainerFailed
from retrain.fit.checkpoints import Checkpoints, LoadedCheckpoint
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
        yield DatasetBucket(s3, "dataset", classes=LABELS)


@pytest.fixture
def checkpoints(bucket: DatasetBucket) -> Checkpoints:
    return Checkpoints(bucket, TRAINING)


class Reports:
    """The progress reports of a training."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, int, str]] = []

    def __call__(self, done: int, of: int, note: str) -> None:
        self.reports.append((done, of, note))


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
        trainer=trainer,
        plan=plan,
        data=Path("data.yaml"),
        build=build,
        checkpoints=checkpoints,
        say=say,
        store_every_s=0,
    )


def test_every_epoch_is_reported(tmp_path: Path, checkpoints: Checkpoints) -> None:
    reports = Reports()
    trained = training(process(tmp_path), checkpoints, say=reports).run()
    assert reports.reports == [
        (0, 4, "24 photos on fake, batch 16"),
        (1, 4, "mAP50 0.125, mAP50-95 0.062 on val; 0.1 s, about 0 s left"),
        (2, 4, "mAP50 0.250, mAP50-95 0.125 on val; 0.1 s, about 0 s left"),
        (3, 4, "mAP50 0.375, mAP50-95 0.188 on val; 0.1 s, about 0 s left"),
        (4, 4, "mAP50 0.500, mAP50-95 0.250 on val; 0.1 s, about 0 s left"),
    ]
    best = tmp_path / "checkpoint" / "best.pt"
    assert trained == TrainedWeights(best, {"map50": 0.5}, 4, trained.seconds, "fake", ())
    assert export(process(tmp_path), trained.best, 64).read_text() == "4"


def test_an_interrupted_training_resumes_on_another_machine(tmp_path: Path, checkpoints: Checkpoints) -> None:
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
    reports = Reports()
    trained = training(process(there), checkpoints, say=reports).run()
    assert trained.epochs == 2
    assert reports.reports[:2] == [
        (2, 4, "resumes after epoch 2, from its checkpoint"),
        (2, 4, "24 photos on fake, batch 16"),
    ]


def test_a_crash_is_reported_with_the_end_of_the_log_and_keeps_the_checkpoint(
    tmp_path: Path, checkpoints: Checkpoints
) -> None:
    with pytest.raises(TrainerFailed) as error:
        training(process(tmp_path), checkpoints, fake="crash", at=3).run()
    assert str(error.value) == (
        "the trainer failed (crash): it exited with status 3 without an event\n"
        "  the fake trainer starts\n  many colours\n  Traceback: the head fell off"
    )
    saved = checkpoints.load(tmp_path / "again")
    assert saved == LoadedCheckpoint(tmp_path / "again" / "last.pt", 2, "b1")


def test_a_trainer_that_hangs_is_killed_with_its_session(tmp_path: Path) -> None:
    trainer = process(tmp_path, stall_s=0.5)
    with pytest.raises(TrainerFailed, match=r"\(stall\): it sent no event for 0\.5 s, and was killed"):
        training(trainer, None, fake="hang").run()


def test_a_trainer_that_ignores_sigterm_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Interrupted):
        training(process(tmp_path, stopping=stopping, grace_s=0.5), None, fake="hang", at=1).run()


def test_the_error_of_a_full_disk_names_its_size(tmp_path: Path, checkpoints: Checkpoints) -> None:
    with pytest.raises(DiskFull, match=r"the disk of .* is full: [\d,]+ MB of [\d.,]+ GB are left; .* and train again"):
        training(process(tmp_path), checkpoints, fake="disk_full").run()
    saved = checkpoints.load(tmp_path / "again")
    assert saved is not None
    assert saved.epoch == 1


def test_out_of_memory_halves_the_batch_and_training_goes_on(tmp_path: Path, checkpoints: Checkpoints) -> None:
    trained = training(process(tmp_path), checkpoints, fake="memory", at=3).run()
    assert trained.notes == ("out of memory; training goes on with a batch of 8",)
    assert trained.epochs == 4  # two of them before, none of them twice


def test_out_of_memory_after_every_halving_fails_the_training(tmp_path: Path) -> None:
    plan = Plan(model="yolov5n.yaml", batch=512, hyperparameters={"fake": "memory", "at": 1})
    with pytest.raises(OutOfMemory):
        TrainingSession(trainer=process(tmp_path), plan=plan, data=Path("d")).run()


def test_the_error_of_a_missing_trainer_names_the_remedy(tmp_path: Path) -> None:
    trainer = TrainerProcess(command=["/nowhere/python"], work=tmp_path, stopping=threading.Event())
    with pytest.raises(TrainerFailed, match=r"/nowhere/python .*set NUNCHI_TRAINER_PYTHON"):
        trainer.run({"task": "train"})


@pytest.mark.parametrize(("track", "known"), [("none", []), ("wandb", ["WANDB_API_KEY"]), ("mlflow", [])])
def test_the_trainer_gets_no_secret_but_that_of_its_tracker(
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


def test_a_checkpoint_of_another_dataset_is_not_resumed(tmp_path: Path, checkpoints: Checkpoints) -> None:
    training(process(tmp_path), checkpoints).run()
    trained = training(process(tmp_path / "new"), checkpoints, build="b2").run()
    assert trained.epochs == 4
    assert trained.notes == ("the checkpoint is of build b1, not b2; the training starts over",)


def test_a_checkpoint_written_in_part_leaves_the_previous_one(
    tmp_path: Path, bucket: DatasetBucket, checkpoints: Checkpoints
) -> None:
    (tmp_path / "last.pt").write_bytes(b"one")
    checkpoints.save(tmp_path / "last.pt", None, epoch=1, build="b1")
    bucket.put(f"trainings/{TRAINING}/checkpoint/b/last.pt", b"tw", "application/octet-stream")  # and then it died
    saved = checkpoints.load(tmp_path / "again")
    assert saved == LoadedCheckpoint(tmp_path / "again" / "last.pt", 1, "b1")
    assert saved.last.read_bytes() == b"one"


@pytest.mark.parametrize("broken", ["a/last.pt", "state.json"])
def test_a_checkpoint_that_does_not_match_its_digest_is_not_loaded(
    tmp_path: Path, bucket: DatasetBucket, checkpoints: Checkpoints, broken: str
) -> None:
    (tmp_path / "last.pt").write_bytes(b"one")
    checkpoints.save(tmp_path / "last.pt", None, epoch=1, build="b1")
    bucket.put(f"trainings/{TRAINING}/checkpoint/{broken}", b"{", "application/octet-stream")
    assert checkpoints.load(tmp_path / "again") is None


def test_a_storage_error_costs_the_checkpoint_and_not_the_training(tmp_path: Path, checkpoints: Checkpoints) -> None:
    def away(event: Any) -> None:
        if event["event"] == "started":
            boto3.client("s3", region_name="us-east-1").delete_bucket(Bucket="dataset")

    plan = Plan(model="yolov5n.yaml", epochs=4)
    session = TrainingSession(
        trainer=process(tmp_path),
        plan=plan,
        data=Path("d"),
        build="b1",
        checkpoints=checkpoints,
        say=lambda *_: None,
        store_every_s=0,
        follow=away,
    )
    assert session.run().epochs == 4
