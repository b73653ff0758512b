"""The agent of a kiosk device as a process of its own: `python -m kiosk run`, as on a box."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.path import resident_mb
from local.ports import answers, fetch, free_ports

ROOT: Final = Path(__file__).parents[2]
READY_S: Final = 120.0
# Of a cloud that does not answer: with the model on the box the agent asks none.
ALONE: Final = {
    "kiosk_id": "bench",
    "client_id": "bench",
    "mqtt_host": "127.0.0.1",
    "mqtt_port": 1,
    "credentials_url": "https://127.0.0.1:1/",
    "region": "ap-northeast-2",
    "s3_endpoint": "http://127.0.0.1:1",
    "bucket": "images",
    "ca": "ca.pem",
    "cert": "bench.cert.pem",
    "key": "bench.key.pem",
}


@dataclass(frozen=True, slots=True)
class AgentProcess:
    """Where it serves the page, and its process."""

    url: str
    pid: int

    @property
    def resident_mb(self) -> float:
        """Its resident memory."""
        return resident_mb(self.pid)

    @property
    def model_mb(self) -> float | None:
        """The resident memory of the model on the box, which is a process of its own; None without one."""
        children = self._children()
        return resident_mb(children[0]) if children else None

    def scheduled_ms(self) -> tuple[float, float]:
        """Milliseconds that the agent and its model have run on a processor, and have waited for one."""
        files = [
            file for pid in (self.pid, *self._children()) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")
        ]
        fields = [file.read_text().split() for file in files]
        return sum(int(each[0]) for each in fields) / 1e6, sum(int(each[1]) for each in fields) / 1e6

    def _children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


def folder_alone(folder: Path) -> Path:
    """A device's folder without a cloud."""
    folder.mkdir()
    (folder / "bench.json").write_text(json.dumps(ALONE))
    for name in ("ca", "cert", "key"):
        (folder / ALONE[name]).write_text("no certificate\n")
    return folder


@contextmanager
def agent(
    folder: Path, state: Path, *, labeller: str, settings: Sequence[str] = ()
) -> Generator[AgentProcess, None, None]:
    """The agent of that folder, when its labeller answers. `settings`: more lines of
    kiosk.toml, after those of [labels]."""
    [port] = free_ports(1)
    toml = state / "kiosk.toml"
    state.mkdir()
    toml.write_text("\n".join(["[voice]", "on = false", "[labels]", f'labeller = "{labeller}"', *settings, ""]))
    command = [sys.executable, "-m", "kiosk", "run", f"--folder={folder}", f"--settings={toml}", f"--state={state}"]
    with (state / "agent.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--port={port}"], cwd=ROOT, stdout=log, stderr=log)
        try:
            _until_ready(process, f"http://127.0.0.1:{port}/", state / "agent.log")
            yield AgentProcess(f"http://127.0.0.1:{port}/", process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if answers(f"{url}api/health") and _health(url)["cloud"] == "ok":
            return
        time.sleep(0.2)
    raise SystemExit(f"bench: the agent is not ready; nothing was measured. Its log:\n{log.read_text()[-2000:]}")


def _health(url: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(fetch(f"{url}api/health"))
    return fields
