"""`python -m retrain` as a process: told to end, and called again. S3 is moto's server.

The trainer is the fake one, the network that it exports sees nobody; all else is real.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import numpy as np
import onnx
import pytest
from moto.server import ThreadedMotoServer
from onnx import TensorProto, helper, numpy_helper

from contracts.training import TrainingOutcome, Verdict
from retrain.bucket import DatasetBucket, Tree
from tests.retrain.trainings import FAKE, fill
from tests.waiting import until

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SIDE: Final = 64
TRAINING: Final = "20261122t030405z-yolov5n"
HOME: Final = Path(__file__).parents[3]
# A Python that is none: the fake trainer behind it; its process id stays the same, and is told.
TRAINER: Final = """#!{python}
import json, os, pathlib, shutil, sys
job = json.loads(pathlib.Path(sys.argv[-1]).read_text())
pathlib.Path({pid!r}).write_text(str(os.getpid()))
if job["task"] == "export":
    network = shutil.copy({network!r}, job["work"])
    print(json.dumps({{"event": "done", "network": str(network)}}))
else:
    os.execv({fake[0]!r}, [*{fake!r}, sys.argv[-1]])
"""


def blind() -> bytes:
    """An ONNX that answers for every place of its square that nobody is there."""
    places = sum((SIDE // stride) ** 2 for stride in (8, 16, 32))
    constants = {
        "zero": np.zeros((1, 1, 1), np.float32),
        "nobody": np.zeros((1, 8, places), np.float32),
        "last": np.array([3]),
    }
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean4"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Squeeze", ["mean4", "last"], ["mean"]),
            helper.make_node("Mul", ["mean", "zero"], ["none"]),
            helper.make_node("Add", ["none", "nobody"], ["answer"]),
        ],
        "blind",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 8, places])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class Shop:
    """A shop's buckets on a server, and a training's processes."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NUNCHI_"))},
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
            "NUNCHI_DATASET_BUCKET": "dataset",
            "NUNCHI_WEIGHTS_BUCKET": "weights",
            "NUNCHI_TRAINING": TRAINING,
            "NUNCHI_WORK_DIR": str(folder / "work"),
            "NUNCHI_TRAINER_PYTHON": str(folder / "python"),
            "NUNCHI_LEAST_NEW_PEOPLE": "10",
            "NUNCHI_GOLDEN_LEAST": "2",
            "NUNCHI_VAL_SHARE": "0.4",
            "NUNCHI_EPOCHS": "4",
            "NUNCHI_IMAGE_SIZE": str(SIDE),
        }
        self.s3: S3Client = boto3.client(
            "s3",
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for name in ("dataset", "weights"):
            self.s3.create_bucket(Bucket=name)
        self.bucket = DatasetBucket(self.s3, "dataset")
        network, python = folder / "network.onnx", folder / "python"
        network.write_bytes(blind())
        text = TRAINER.format(python=sys.executable, pid=str(folder / "pid"), network=str(network), fake=FAKE)
        python.write_text(text)
        python.chmod(0o755)

    @property
    def work(self) -> Path:
        return self.folder / "work" / "trainings" / TRAINING

    @contextmanager
    def started(self, **hyperparameters: object) -> Generator[subprocess.Popen[str], None, None]:
        """`python -m retrain`; never longer than the block."""
        path = self.folder / "hyperparameters.json"
        path.write_text(json.dumps(hyperparameters))
        environ: Mapping[str, str] = {**self.environ, "NUNCHI_HYPERPARAMETERS": str(path)}
        with subprocess.Popen(
            [sys.executable, "-m", "retrain"],
            cwd=HOME,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def waits(self) -> None:
        until((self.work / "trainer" / "waiting").exists, within_s=60, what="the epoch at which the trainer waits")


def runs(pid: str) -> bool:
    try:
        return (Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield Shop(tmp_path, port)
    finally:
        server.stop()


def test_a_training_that_is_told_to_end_is_called_again_and_done(shop: Shop) -> None:
    fill(shop.bucket, Tree.AUTO, range(24))
    fill(shop.bucket, Tree.GOLDEN, range(1000, 1008))

    with shop.started(fake="wait", at=3) as told:  # a Spot notice
        shop.waits()
        told.send_signal(signal.SIGTERM)
        out, said = told.communicate(timeout=300)
    assert (told.returncode, out) == (75, "")
    assert said.endswith("retrain: the trainer was told to end, in the middle of its job: train\n")
    assert not runs((shop.folder / "pid").read_text())
    assert [path.name for path in (shop.folder / "work").iterdir()] == ["lock"]
    keys = shop.bucket.keys(f"trainings/{TRAINING}/")
    assert f"trainings/{TRAINING}/checkpoint/a/last.pt" in keys
    assert f"trainings/{TRAINING}/outcome.json" not in keys

    with shop.started() as last:
        out, said = last.communicate(timeout=300)
    assert last.returncode == 0, said
    assert "training: 2 of 4, goes on after epoch 2, from its checkpoint\n" in said
    outcome = TrainingOutcome.from_json(out)
    assert outcome.verdict in (Verdict.KEPT, Verdict.PROMOTED)
    assert shop.bucket.get(f"trainings/{TRAINING}/outcome.json") == outcome.to_json().encode()
    assert [path.name for path in (shop.folder / "work").iterdir()] == ["lock"]
    assert "secret" not in said.lower()
    assert len(said.splitlines()) == len(set(said.splitlines())), said


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_what_a_training_starts_ends_with_it_also_when_it_is_killed() -> None:
    """By the kernel, say, when memory gave out: a trainer that lives on would keep GPU and disk from the next."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    parent = f"import sys; from retrain.subprocesses import start; start([sys.executable, '-c', {child!r}]).wait()"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=HOME, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        assert runs(pid)
        process.kill()
    until(lambda: not runs(pid), within_s=60, what="the child is gone")
