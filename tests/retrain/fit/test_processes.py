"""`python -m retrain` as a process: interrupted, and resumed. S3 is moto's server.

The trainer is the fake one, and the network that it exports detects no person; all else is real.
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
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket, Tree
from tests.retrain.trainings import FAKE, fill
from tests.waiting import until

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SIDE: Final = 64
TRAINING: Final = "20261122t030405z-yolov5n"
HOME: Final = Path(__file__).parents[3]
# In the place of the trainer's Python: it writes its process id, and becomes the fake trainer.
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
    """An ONNX network that detects no person anywhere."""
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
        self.bucket = DatasetBucket(self.s3, "dataset", classes=LABELS)
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


def test_a_training_interrupted_by_a_signal_resumes_and_completes(shop: Shop) -> None:
    fill(shop.bucket, Tree.AUTO, range(24))
    fill(shop.bucket, Tree.GOLDEN, range(1000, 1008))

    with shop.started(fake="wait", at=3) as interrupted:  # a Spot notice
        shop.waits()
        interrupted.send_signal(signal.SIGTERM)
        out, err = interrupted.communicate(timeout=300)
    assert (interrupted.returncode, out) == (75, "")
    assert err.endswith("retrain: the trainer was interrupted in its job: train; call the training again to resume\n")
    assert not runs((shop.folder / "pid").read_text())
    assert [path.name for path in (shop.folder / "work").iterdir()] == ["lock"]
    keys = shop.bucket.keys(f"trainings/{TRAINING}/")
    assert f"trainings/{TRAINING}/checkpoint/a/last.pt" in keys
    assert f"trainings/{TRAINING}/outcome.json" not in keys

    with shop.started() as resumed:
        out, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, err
    assert "training: 2 of 4, resumes after epoch 2, from its checkpoint\n" in err
    outcome = TrainingOutcome.from_json(out)
    assert outcome.verdict in (Verdict.KEPT, Verdict.PROMOTED)
    assert shop.bucket.get(f"trainings/{TRAINING}/outcome.json") == outcome.to_json().encode()
    assert [path.name for path in (shop.folder / "work").iterdir()] == ["lock"]
    assert "secret" not in err.lower()
    assert len(err.splitlines()) == len(set(err.splitlines())), err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has PR_SET_PDEATHSIG")
def test_child_processes_end_with_a_training_that_is_killed() -> None:
    """By the kernel's out-of-memory killer, for instance: the trainer must not keep the GPU and the disk."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    parent = f"import sys; from retrain.subprocesses import spawn; spawn([sys.executable, '-c', {child!r}]).wait()"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=HOME, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        assert runs(pid)
        process.kill()
    until(lambda: not runs(pid), within_s=60, what="the child is gone")
