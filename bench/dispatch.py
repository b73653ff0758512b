"""The dispatch function: its cold start, its warm handler and its zip, each against a named peer.

    python -m bench.dispatch [--rounds 7]

Cold: a fresh interpreter in a folder of the zip's files, without bytecode, as on Lambda, until the handler is ready.
Peers: importing boto3 and creating the same client, and the same with botocore, which is the lower bound. Warm: the
handler with one photo and with ten, against one bare `send_command`, both to a local server that answers at once: the
rest is the work of the handler and of botocore.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import boto3

from contracts.instants import now
from contracts.names import Reference, new_image_id
from lambdas.dispatch import wire
from tests.lambdas.events import announcing, batch, upload_of

ROOT: Final = Path(__file__).resolve().parents[1]
ZIP_GOAL_KB: Final = 50
WARM_CALLS: Final = 200
ENVIRON: Final = {
    "AWS_DEFAULT_REGION": "ap-northeast-2",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "NUNCHI_INSTANCE_PARAMETER": "/nunchi/inference-instance",
    "NUNCHI_DOCUMENT": "Nunchi-Infer",
}
COLD: Final = {
    "interpreter": "pass",
    "botocore client": "import botocore.session as b; b.get_session().create_client('ssm')",
    "dispatch": "import os; from lambdas.dispatch import wire; wire(os.environ)",
    "boto3 client": "import boto3; boto3.client('ssm')",
}


class _SsmHandler(BaseHTTPRequestHandler):
    """Answers both calls of dispatch at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes; the second would wait 40 ms for the first
    ANSWER: Final = json.dumps({"Parameter": {"Value": "i-0"}, "Command": {"CommandId": "0"}}).encode()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(self.ANSWER)))
        self.end_headers()
        self.wfile.write(self.ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def stage(folder: Path) -> int:
    """Copy the zip's files into `folder`; return the size of the zip in bytes."""
    files = [*sorted((ROOT / "contracts").glob("*.py")), ROOT / "lambdas/__init__.py", ROOT / "lambdas/dispatch.py"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            name = path.relative_to(ROOT)
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(path, folder / name)
            archive.write(path, name)
    return buffer.tell()


def cold(folder: Path, rounds: int) -> dict[str, float]:
    """Median milliseconds of a fresh interpreter for each program, in turns, so that noise affects all alike."""
    times: dict[str, list[float]] = {name: [] for name in COLD}
    environ = {**os.environ, **ENVIRON, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)}
    for _ in range(rounds):
        for name, program in COLD.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], cwd=folder, env=environ, check=True)
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def warm() -> dict[str, float]:
    """Median milliseconds of a call."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _SsmHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ.update(ENVIRON, AWS_ENDPOINT_URL_SSM=f"http://127.0.0.1:{server.server_port}")
        handler = wire(os.environ)
        client = boto3.client("ssm")
        line = f"bench/{new_image_id(now())}@{1795324300123}"
        calls: dict[str, Callable[[], Any]] = {
            "bare send_command": lambda: client.send_command(
                InstanceIds=["i-0"], DocumentName="Nunchi-Infer", Parameters={"Tickets": [line]}
            ),
            "handler, 1 photo": lambda: handler({"Records": announcements(1)}, None),
            "handler, 10 photos": lambda: handler({"Records": announcements(10)}, None),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        with redirect_stdout(io.StringIO()):
            for _ in range(WARM_CALLS):
                for name, call in calls.items():
                    start = time.perf_counter()
                    call()
                    times[name].append((time.perf_counter() - start) * 1000)
        server.shutdown()
    return {name: statistics.median(values) for name, values in times.items()}


def announcements(photos: int) -> list[dict[str, Any]]:
    """SQS messages as S3 sends them, one for each of `photos` photos."""
    return batch([announcing(upload_of(Reference("bench", new_image_id(now())), now())) for _ in range(photos)])


def main() -> None:
    """Measure, print a table for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="fresh interpreters for each program")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        zip_kb = stage(folder) / 1024
        cold_ms, warm_ms = cold(folder, rounds), warm()

    print(f"zip                 {zip_kb:8.1f} KB   (goal: under {ZIP_GOAL_KB})")
    for name, ms in cold_ms.items():
        print(f"cold {name:<16}{ms:8.1f} ms   {ms / cold_ms['boto3 client']:5.2f} of boto3 alone")
    for name, ms in warm_ms.items():
        print(f"warm {name:<20}{ms:6.2f} ms  {ms / warm_ms['bare send_command']:5.2f} of a bare send_command")
    figures = {"zip_kb": zip_kb, "cold_ms": cold_ms, "warm_ms": warm_ms, "zip_goal_kb": ZIP_GOAL_KB}
    print(json.dumps(figures, default=float))


if __name__ == "__main__":
    main()
