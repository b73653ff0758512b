"""`python -m worker` as a process: how it starts, shares and ends. Broker and S3 are away; that must not matter."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import now
from contracts.names import Reference, new_image_id
from local import worker_socket
from local.ports import LOOPBACK, free_ports
from tests.broker import self_signed
from tests.lambdas.events import announcing, upload_of
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@dataclass
class Home:
    """Folders and settings of a worker whose S3 and broker do not answer."""

    environ: dict[str, str]
    socket: Path
    state: Path

    @contextlib.contextmanager
    def worker(self) -> Generator[subprocess.Popen[str], None, None]:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], env=self.environ, cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def ready(self) -> bool:
        return worker_socket.ready(self.socket)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    cert, key = self_signed(tmp_path)
    s3, mqtt = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="nunchi-") as short:  # a socket's path has 108 bytes
        path, state = Path(short) / "worker.sock", tmp_path / "state"
        environ = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{s3}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "NUNCHI_IMAGES_BUCKET": "images",
            "NUNCHI_DATASET_BUCKET": "dataset",
            "NUNCHI_INSTANCE": "i-1",
            "NUNCHI_MQTT_HOST": LOOPBACK,
            "NUNCHI_MQTT_PORT": str(mqtt),
            "NUNCHI_MQTT_CA": str(cert),
            "NUNCHI_MQTT_CERT": str(cert),
            "NUNCHI_MQTT_KEY": str(key),
            "NUNCHI_SOCKET": str(path),
            "NUNCHI_STATE_DIR": str(state),
            "NUNCHI_MODEL_THREADS": "1",
        }
        yield Home(environ, path, state)


def test_without_settings_it_names_them_all_and_ends_with_2(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker"],
        env={"PATH": home.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()[1:]] == [
        *("NUNCHI_IMAGES_BUCKET", "NUNCHI_DATASET_BUCKET", "NUNCHI_INSTANCE", "NUNCHI_MQTT_HOST"),
        *("NUNCHI_MQTT_CA", "NUNCHI_MQTT_CERT", "NUNCHI_MQTT_KEY"),
    ]


def test_it_gets_ready_without_broker_and_s3_and_ends_well_on_sigterm(home: Home) -> None:
    with home.worker() as worker:
        until(home.ready, within_s=60, what="the worker is ready")
        assert worker_socket.model(home.socket)
        with socket.socket(socket.AF_UNIX) as dawdler:  # a request that never ends must not keep the worker
            dawdler.connect(str(home.socket))
            dawdler.sendall(b"POST /infer HTTP/1.1\r\nHost: worker\r\nContent-Length: 100\r\n\r\ndemo/")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=300) == 0
    assert not home.socket.exists()


def test_without_the_weights_bucket_it_gets_ready_with_the_built_in_model(home: Home) -> None:
    """And looks again for as long as it runs."""
    home.environ |= {"NUNCHI_WEIGHTS_BUCKET": "weights", "NUNCHI_WEIGHTS_EVERY_S": "1"}
    with home.worker() as worker:
        until(home.ready, within_s=60, what="the worker is ready")
        model = worker_socket.model(home.socket)
        assert model is not None
        assert (model["name"], model["version"]) == ("cascade", "2")
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate(timeout=300)
        assert worker.returncode == 0
    assert told.count("current.json can't be read") == 1


def test_only_its_own_user_and_group_reach_the_socket_and_what_it_keeps(home: Home) -> None:
    with home.worker():
        until(home.ready, within_s=60, what="the worker is ready")
        modes = {path.name: path.stat().st_mode & 0o777 for path in (home.socket, home.state, *home.state.iterdir())}
    assert modes == {"worker.sock": 0o660, "state": 0o770, "outbox": 0o770, "attempts": 0o770, "lock": 0o660}


def test_a_second_worker_in_the_same_folder_does_not_start_and_harms_nothing(home: Home) -> None:
    with home.worker():
        until(home.ready, within_s=60, what="the worker is ready")
        with home.worker() as second:
            _, told = second.communicate(timeout=300)
            assert second.returncode == 1
            assert f"another worker uses {home.state}: this one does not start" in told
        assert home.ready()


def test_what_a_killed_worker_leaves_does_not_keep_the_next_one_from_starting(home: Home) -> None:
    with home.worker() as first:
        until(home.ready, within_s=60, what="the worker is ready")
        first.kill()
        first.wait()
    assert home.socket.exists()
    with home.worker():
        until(home.ready, within_s=60, what="the next worker is ready")


def test_it_sends_no_telemetry(home: Home, tmp_path: Path) -> None:
    """onnxruntime would leave its maker's files in the home folder, and send what is in them."""
    elsewhere = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    for folder in elsewhere.values():
        Path(folder).mkdir()
    home.environ |= elsewhere
    with home.worker() as worker:
        until(home.ready, within_s=60, what="the worker is ready")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=300) == 0
    assert [path for folder in elsewhere.values() for path in Path(folder).rglob("*")] == []


def test_an_unavailable_queue_stops_neither_its_work_nor_its_end(home: Home) -> None:
    """It asks again and again; what commands bring it would label meanwhile."""
    (sqs,) = free_ports(1)
    queue = f"http://{LOOPBACK}:{sqs}/000000000000/uploads"
    home.environ |= {
        "AWS_ENDPOINT_URL_SQS": f"http://{LOOPBACK}:{sqs}",
        "NUNCHI_UPLOAD_QUEUE_URL": queue,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with home.worker() as worker:
        until(home.ready, within_s=60, what="the worker is ready")
        assert worker.stderr is not None
        assert any("the upload queue can't be read" in line for line in worker.stderr)
        assert home.ready()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=300) == 0


class Sqs(ThreadingHTTPServer):
    """A queue with one message, which never answers the first request to keep it, nor that for a second message."""

    daemon_threads = True

    def __init__(self, body: str) -> None:
        super().__init__((LOOPBACK, 0), _SqsHandler)
        self.messages = [
            {"MessageId": "m", "ReceiptHandle": "r", "Body": body, "Attributes": {"ApproximateReceiveCount": "1"}}
        ]
        self.kept, self.over = 0, threading.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"


class _SqsHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Sqs)
        self.rfile.read(int(self.headers["Content-Length"]))
        answer: dict[str, Any] | None = {}
        match self.headers["X-Amz-Target"]:
            case "AmazonSQS.ReceiveMessage":
                answer = {"Messages": [self.server.messages.pop()]} if self.server.messages else None
            case "AmazonSQS.ChangeMessageVisibilityBatch":
                self.server.kept += 1
                answer = {} if self.server.kept > 1 else None
        if answer is None:
            self.server.over.wait()
            self.close_connection = True
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        pass


def test_a_request_that_sqs_never_answers_does_not_stop_the_heartbeat(home: Home) -> None:
    """A message is kept again long before a long poll would be given up: one beat of three may get lost."""
    event = announcing(upload_of(Reference("demo", new_image_id(now())), now()))
    with socket.create_server((LOOPBACK, 0)) as s3, Sqs(event) as sqs:  # an S3 that takes requests and never answers
        serving = threading.Thread(target=sqs.serve_forever)
        serving.start()
        home.environ |= {
            "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{s3.getsockname()[1]}",
            "AWS_ENDPOINT_URL_SQS": sqs.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "NUNCHI_UPLOAD_QUEUE_URL": f"{sqs.url}/000000000000/uploads",
            "NUNCHI_VISIBILITY_S": "3",
        }
        try:
            with home.worker():
                until(lambda: not sqs.messages, within_s=60, what="the message is taken")
                until(lambda: sqs.kept > 1, within_s=15, what="the message is kept again")
        finally:
            sqs.over.set()
            sqs.shutdown()
            serving.join()


def test_it_writes_its_metrics_a_last_time_when_it_stops(home: Home, tmp_path: Path) -> None:
    """What it did since the last whole minute, and that it is ready no more."""
    told = tmp_path / "metrics.log"
    home.environ["NUNCHI_EMF_FILE"] = str(told)
    with home.worker() as worker:
        until(home.ready, within_s=60, what="the worker is ready")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=300) == 0
    last = json.loads(told.read_text().splitlines()[-1])
    assert (last["Service"], last["Instance"], last["Ready"], last["Photos"]) == ("worker", "i-1", 0, 0)
