"""The real trainer: trains, is interrupted, resumes elsewhere, and exports what the worker runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.yolo import format_labels
from demo.drawn_people import draw
from imaging.decoding import decode
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket
from retrain.errors import Interrupted
from retrain.fit.calibration import AS_IT_IS
from retrain.fit.candidate import package
from retrain.fit.checkpoints import Checkpoints
from retrain.fit.trainer_process import Event, TrainerProcess
from retrain.fit.training import Plan, TrainedWeights, TrainingSession, export
from retrain.settings import DEFAULT_TRAINER
from retrain.trainer.offline import silence
from worker.kiosk.kinds import load_detector

pytestmark = pytest.mark.skipif(not DEFAULT_TRAINER.exists(), reason="no .venv-trainer here: make trainer")
HOW = {"mosaic": 0.0, "lr0": 0.002, "optimizer": "AdamW"}
COMMAND = (str(DEFAULT_TRAINER), "-m", "retrain.trainer")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset's folder: 24 drawn people in train, 8 in val."""
    folder = tmp_path_factory.mktemp("data")
    for split, seeds in (("train", range(24)), ("val", range(100, 108))):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for seed in seeds:
            drawn = draw(seed, size=(160, 120), labels=[LABELS[seed % 4]])
            (folder / "images" / split / f"{seed}.jpg").write_bytes(drawn.jpeg)
            (folder / "labels" / split / f"{seed}.txt").write_text(format_labels(drawn.people, LABELS))
    (folder / "train.txt").write_text("".join(f"./images/train/{seed}.jpg\n" for seed in range(24)))
    names = "".join(f"  {place}: {label}\n" for place, label in enumerate(LABELS))
    (folder / "data.yaml").write_text(f"train: train.txt\nval: images/val\ntest: images/val\nnames:\n{names}")
    return folder


@dataclass
class Followed:
    """A training that is interrupted after an epoch, and its events."""

    end_after: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if event["event"] == "epoch" and event["epoch"] == self.end_after:
            self.stopping.set()

    def train(self, work: Path, data: Path, checkpoints: Checkpoints) -> TrainedWeights:
        plan = Plan(
            model="yolov5n.yaml", epochs=3, image_size=64, batch=8, device="cpu", workers=0, hyperparameters=HOW
        )
        return TrainingSession(
            trainer=TrainerProcess(command=COMMAND, work=work, stopping=self.stopping),
            plan=plan,
            data=data / "data.yaml",
            build="b1",
            checkpoints=checkpoints,
            say=lambda *_: None,
            follow=self,
        ).run()

    def values(self, event: str, name: str) -> list[Any]:
        return [one[name] for one in self.events if one["event"] == event]


@mock_aws
def test_an_interrupted_training_resumes_elsewhere_and_a_worker_loads_its_network(tmp_path: Path, data: Path) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="dataset")
    checkpoints = Checkpoints(DatasetBucket(s3, "dataset", classes=LABELS), "t1")
    here, there = tmp_path / "here", tmp_path / "there"
    first = Followed(end_after=2)
    with pytest.raises(Interrupted):
        first.train(here, data, checkpoints)
    assert first.values("epoch", "epoch") == [1, 2]
    shutil.rmtree(here)

    second = Followed()
    trained = second.train(there, data, checkpoints)
    assert (second.values("started", "first_epoch"), second.values("epoch", "epoch")) == ([3], [3])
    assert first.values("started", "sends") == second.values("started", "sends") == [[]]
    assert (set(trained.metrics), trained.epochs, trained.notes) == ({"map50", "map50_95"}, 1, ())
    assert trained.best.is_relative_to(there)
    assert not list(data.rglob("*.pt"))

    network = export(TrainerProcess(command=COMMAND, work=there, stopping=threading.Event()), trained.best, 64)
    for file in (trained.best, network):  # neither identifies the machine
        assert str(tmp_path).encode() not in file.read_bytes()
        assert b"commit" not in file.read_bytes()
    manifest = package(
        tmp_path / "run",
        run="r1",
        onnx=network,
        weights_pt=trained.best,
        input=64,
        calibration=AS_IT_IS,
        data={},
        training={},
        code_version="test",
        classes=LABELS,
    )
    photo = decode(next((data / "images" / "val").iterdir()).read_bytes(), max_pixels=1 << 20).image
    assert len(load_detector(manifest).detect([photo])) == 1


def test_several_gpus_start_as_many_processes_and_report_their_failure(tmp_path: Path, data: Path) -> None:
    """Here, that there is no such GPU. Training on several is not tested (docs/operating.md)."""
    status, event = asked(tmp_path, task="train", data=str(data / "data.yaml"), epochs=1, device="0,1", workers=0)
    assert (status, event["event"], event["kind"]) == (1, "failed", "crash")
    assert "Invalid CUDA 'device=0,1' requested" in event["message"]


def asked(tmp_path: Path, **job: Any) -> tuple[int, dict[str, Any]]:
    """The exit code and the last event of a job, whose folder is empty."""
    (tmp_path / "job.json").write_text(json.dumps({"work": str(tmp_path / "w"), "model": "yolov5n.yaml", **job}))
    done = subprocess.run([*COMMAND, str(tmp_path / "job.json")], capture_output=True, timeout=300, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_an_invalid_job_fails_before_torch_is_loaded(tmp_path: Path) -> None:
    status, event = asked(tmp_path, task="train", epochs=1, colour="red")
    assert (status, event["event"], event["kind"]) == (2, "failed", "bad_job")
    assert "has unknown fields: colour; the fields are " in event["message"]


@pytest.mark.parametrize("name", ["plots", "project", "data", "resume"])
def test_hyperparameters_affect_training_and_nothing_else(tmp_path: Path, name: str) -> None:
    status, event = asked(tmp_path, task="train", data=str(tmp_path / "job.json"), hyperparameters={name: True})
    assert (status, event["kind"]) == (2, "bad_job")
    assert event["message"].startswith(f"unknown hyperparameters: {name}; valid are amp, ")


def test_the_error_of_a_missing_tracker_names_the_remedy(tmp_path: Path) -> None:
    status, event = asked(tmp_path, task="train", data=str(tmp_path / "job.json"), track="mlflow")
    assert (status, event["kind"]) == (2, "bad_job")
    assert "mlflow, or set NUNCHI_TRACK=none" in event["message"]


def test_a_tracker_gets_figures_and_no_weights_and_ultralytics_itself_nothing() -> None:
    """`wandb` and `mlflow` are not installed here: both were tried by hand, without a network."""

    def calls(home: str, *names: str) -> dict[str, list[Any]]:
        return {name: [SimpleNamespace(__module__=f"ultralytics.utils.{home}", __name__=name)] for name in names}

    wandb = calls("callbacks.wb", "on_fit_epoch_end", "on_train_end")
    ours = {"on_model_save": [SimpleNamespace(__module__="retrain.trainer.train", __name__="_on_model_save")]}
    reports = calls("events", "on_pretrain_routine_end") | calls("callbacks.platform", "on_train_start")
    trainer = SimpleNamespace(callbacks=wandb | ours | reports)
    assert silence(trainer) == ["wb"]
    assert {name for name, left in trainer.callbacks.items() if left} == {"on_fit_epoch_end", "on_model_save"}


def test_missing_data_is_an_error(tmp_path: Path) -> None:
    status, event = asked(tmp_path, task="train", data=str(tmp_path / "data.yaml"), device="cpu")
    assert (status, event["message"]) == (2, f"{tmp_path / 'data.yaml'} is missing: the data.yaml of a dataset")
