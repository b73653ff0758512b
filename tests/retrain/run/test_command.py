"""`python -m retrain`: its settings, its exit codes, and what it leaves behind."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from contracts.settings import environment_of, load
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
        fill(DatasetBucket(s3, "dataset"), Tree.AUTO, range(4))
        yield {**BUCKETS, "NUNCHI_TRAINING": "t1", "NUNCHI_WORK_DIR": str(tmp_path / "work")}
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_training_that_is_skipped_is_decided(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], environ) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["training"], told["verdict"], told["rule"]) == ("t1", "skipped", "too_few_labels")
    assert [path.name for path in Path(environ["NUNCHI_WORK_DIR"]).iterdir()] == ["lock"]


def test_photos_that_a_killed_training_left_are_taken_away_and_nothing_else(environ: Mapping[str, str]) -> None:
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
    keys = DatasetBucket(boto3.client("s3"), "dataset").keys("")
    assert [key for key in keys if not key.startswith("auto/")] == []


def test_a_bucket_that_is_not_there_fails_it(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {**environ, "NUNCHI_DATASET_BUCKET": "nowhere"}) == 1
    assert "NoSuchBucket" in capsys.readouterr().err


def test_every_setting_that_is_wrong_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
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
        "NUNCHI_IMAGE_SIZE is wrong: 650 is no multiple of 32 pixels",
        "NUNCHI_DEVICE is wrong: 'gpu' is neither auto nor cpu nor numbers of GPUs as in 0,1",
        "NUNCHI_HYPERPARAMETERS is wrong: file /nowhere is missing",
        "NUNCHI_TRACK is wrong: 'everything' is none of none, wandb, mlflow",
        "NUNCHI_FORCE is wrong: 'perhaps' is neither true nor false",
    ]


def test_two_trainings_do_not_share_a_machine(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    work = Path(environ["NUNCHI_WORK_DIR"])
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main([], environ) == 1
    assert f"another training has {work}: this one does not start" in capsys.readouterr().err


def test_the_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(f"\n  {name}\n" in told for name in environment_of(load(RetrainSettings, BUCKETS)))


def test_the_settings_say_what_is_trained(tmp_path: Path) -> None:
    found = tmp_path / "best.json"
    found.write_text('{"hyperparameters": {"lr0": 0.002}, "trials": {"complete": 3}}')
    environ = {**BUCKETS, "NUNCHI_HYPERPARAMETERS": str(found), "NUNCHI_DEVICE": "0,1", "NUNCHI_EPOCHS": "7"}
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


class _SignalStack(ctypes.Structure):
    """stack_t of Linux's sigaltstack(2)."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@pytest.fixture
def signal_stack() -> None:
    """No signal stack of its own for this thread.

    OpenVINO, in an earlier test of this process, leaves one of the least size that there is: a signal then does not fit
    in it, and the process dies of SIGSEGV.
    """
    if sys.platform == "linux":
        disabled = 2  # SS_DISABLE
        assert ctypes.CDLL(None).sigaltstack(ctypes.byref(_SignalStack(None, disabled, 0)), None) == 0


@pytest.fixture
def stopping(signal_stack: None) -> Iterator[tuple[Stopping, list[int], threading.Event]]:  # noqa: ARG001
    """One that gives up at once, and notes it instead of ending the tests."""
    gave_up: list[int] = []
    given_up = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def give_up(status: int) -> None:
        gave_up.append(status)
        given_up.set()

    one = Stopping(patience_s=0.01, give_up=give_up)
    one.listen()
    yield one, gave_up, given_up
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_what_can_be_cut_off_at_once(stopping: tuple[Stopping, list[int], threading.Event]) -> None:
    one, gave_up, given_up = stopping
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)  # a second one does not cut off the tidying up
    assert one.told.is_set()
    assert given_up.wait(60)
    assert gave_up == [75]


def test_a_signal_lets_what_must_be_finished_finish(stopping: tuple[Stopping, list[int], threading.Event]) -> None:
    one, _, given_up = stopping
    with one.finishing():
        os.kill(os.getpid(), signal.SIGTERM)
        assert one.told.is_set()
    with pytest.raises(Interrupted):
        one.check()
    assert given_up.wait(60)
