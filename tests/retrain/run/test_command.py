"""`python -m retrain`: its settings, its exit codes, and what it leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from contracts.settings import environment_of, load
from recipes.kiosk.labels import LABELS
from retrain.__main__ import main, plan_of
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import Interrupted
from retrain.fit.training import Plan
from retrain.run.stopping import Stopping
from retrain.settings import RetrainSettings
from tests.retrain.trainings import fill

BUCKETS = {"NUNCHI_DATASET_BUCKET": "dataset", "NUNCHI_WEIGHTS_BUCKET": "weights"}


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """Of a shop with a few photos, where a training finds too little."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        for name in BUCKETS.values():
            s3.create_bucket(Bucket=name)
        fill(DatasetBucket(s3, "dataset", classes=LABELS), Tree.AUTO, range(4))
        yield {**BUCKETS, "NUNCHI_TRAINING": "t1", "NUNCHI_WORK_DIR": str(tmp_path / "work")}
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_training_that_is_skipped_is_decided(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], environ) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["training"], outcome["verdict"], outcome["rule"]) == ("t1", "skipped", "too_few_labels")
    assert [path.name for path in Path(environ["NUNCHI_WORK_DIR"]).iterdir()] == ["lock"]


def test_photos_of_a_killed_training_are_deleted_and_nothing_else(environ: Mapping[str, str]) -> None:
    work = Path(environ["NUNCHI_WORK_DIR"])
    for path in ("trainings/t0/dataset/stranger.jpg", "mine/notes.txt"):
        (work / path).parent.mkdir(parents=True)
        (work / path).touch()
    assert main([], environ) == 0
    assert sorted(path.name for path in work.iterdir()) == ["lock", "mine"]


def test_a_check_says_what_is_missing_and_stores_nothing(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], environ) == 3
    assert capsys.readouterr().out.startswith(
        "too_few_labels: 4 people in new photos since the model in service was trained"
    )
    keys = DatasetBucket(boto3.client("s3"), "dataset", classes=LABELS).keys("")
    assert [key for key in keys if not key.startswith("auto/")] == []


def test_a_missing_bucket_fails_the_training(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {**environ, "NUNCHI_DATASET_BUCKET": "nowhere"}) == 1
    assert "NoSuchBucket" in capsys.readouterr().err


def test_every_invalid_setting_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        "NUNCHI_IMAGE_SIZE": "650",
        "NUNCHI_DEVICE": "gpu",
        "NUNCHI_TRACK": "everything",
        "NUNCHI_FORCE": "perhaps",
        "NUNCHI_HYPERPARAMETERS": "/nowhere",
    }
    assert main([], wrong) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.strip() for line in lines[1:]] == [
        "NUNCHI_DATASET_BUCKET is not set: the bucket of labelled photos, builds and trainings",
        "NUNCHI_WEIGHTS_BUCKET is not set: the bucket of runs of weights and the pointer to one",
        "NUNCHI_IMAGE_SIZE is wrong: 650 is not a multiple of 32 pixels",
        "NUNCHI_DEVICE is wrong: 'gpu' is not auto, cpu or GPU numbers such as 0,1",
        "NUNCHI_HYPERPARAMETERS is wrong: file /nowhere is missing",
        "NUNCHI_TRACK is wrong: 'everything' is not one of: none, wandb, mlflow",
        "NUNCHI_FORCE is wrong: 'perhaps' is not true or false",
    ]


def test_a_second_training_in_the_same_work_folder_does_not_start(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    work = Path(environ["NUNCHI_WORK_DIR"])
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main([], environ) == 1
    assert f"another training uses {work}: this one does not start" in capsys.readouterr().err


def test_the_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {name}\n" in text for name in environment_of(load(RetrainSettings, BUCKETS)))


def test_the_plan_follows_the_settings(tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    best.write_text('{"hyperparameters": {"lr0": 0.002}, "trials": {"complete": 3}}')
    environ = {**BUCKETS, "NUNCHI_HYPERPARAMETERS": str(best), "NUNCHI_DEVICE": "0,1", "NUNCHI_EPOCHS": "7"}
    assert plan_of(load(RetrainSettings, environ), "t1") == Plan(
        model="yolov5n.yaml", epochs=7, device="0,1", name="t1", hyperparameters={"lr0": 0.002}
    )
    assert plan_of(load(RetrainSettings, BUCKETS), "t1") == Plan(model="yolov5n.yaml", name="t1")


@given(st.booleans(), st.integers(1, 40).map(lambda n: 32 * n), st.sampled_from(["cpu", "auto", "0", "0,1,2"]))
def test_settings_survive_the_environment(force: bool, side: int, device: str) -> None:
    given_ = {**BUCKETS, "NUNCHI_FORCE": str(force), "NUNCHI_IMAGE_SIZE": str(side), "NUNCHI_DEVICE": device}
    settings = load(RetrainSettings, given_)
    assert load(RetrainSettings, environment_of(settings)) == settings
    assert (settings.force, settings.image_size, settings.device) == (force, side, device)


@dataclass
class ForcedExit:
    """Stands in for os._exit: records the status instead of ending the tests."""

    statuses: list[int] = field(default_factory=list)
    called: threading.Event = field(default_factory=threading.Event)

    def __call__(self, status: int) -> None:
        self.statuses.append(status)
        self.called.set()


@pytest.fixture
def forced_exit() -> ForcedExit:
    return ForcedExit()


@pytest.fixture
def stopping(forced_exit: ForcedExit) -> Iterator[Stopping]:
    """With a timeout of 10 ms."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stopping = Stopping(timeout_s=0.01, force_exit=forced_exit)
    stopping.listen()
    yield stopping
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_interrupts_at_once(stopping: Stopping, forced_exit: ForcedExit) -> None:
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)  # a second one does not interrupt the cleanup
    assert stopping.requested.is_set()
    assert forced_exit.called.wait(60)
    assert forced_exit.statuses == [75]


def test_a_signal_inside_finishing_interrupts_after_it(stopping: Stopping, forced_exit: ForcedExit) -> None:
    with stopping.finishing():
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.requested.is_set()
    with pytest.raises(Interrupted):
        stopping.check()
    assert forced_exit.called.wait(60)
