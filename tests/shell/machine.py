"""A bare machine in a folder: the code asset in opt/nunchi, and what an Amazon Linux image brings beside it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.ports import LOOPBACK
from tests.infra.assembly import ROOT
from tests.shell.service_manager import ServiceManager, Unit, service_manager

WORKER = "nunchi-worker.service"
ASSET = ("contracts", "imaging", "mqtt", "recipes", "shell", "worker")
# Writes its words down, one call a line, as what it stands for would be told.
RECORDER = '#!/bin/bash\necho "$*" >>"$0.calls"\n'


@dataclass(frozen=True)
class Machine:
    """One machine. `environ` is what user data exports before it runs boot.sh."""

    root: Path
    environ: dict[str, str]
    services: ServiceManager

    @property
    def home(self) -> Path:
        return self.root / "opt/nunchi"

    @property
    def etc(self) -> Path:
        return self.root / "etc/nunchi"

    @property
    def socket(self) -> Path:
        return self.root / "run/nunchi/worker.sock"

    @property
    def signals(self) -> list[str]:
        """What CloudFormation was told."""
        return self._calls("opt/aws/bin/cfn-signal")

    @property
    def agent_calls(self) -> list[str]:
        """What the CloudWatch agent was told."""
        return self._calls("opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl")

    def boot(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run boot.sh to its end."""
        return subprocess.run(
            [self.home / "shell/boot.sh"],
            env=self.environ | environ,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def worker_environment(self) -> dict[str, str]:
        """What systemd gives the worker."""
        return Unit(self.root / "etc/systemd/system" / WORKER, self.root).environment()

    def _calls(self, program: str) -> list[str]:
        calls = self.root / f"{program}.calls"
        return calls.read_text().splitlines() if calls.exists() else []


@contextmanager
def machine(
    root: Path, *, credentials: Mapping[str, str], exported: Mapping[str, str]
) -> Generator[Machine, None, None]:
    """A machine for as long as the block lasts, with what user data exported.

    `root` must be short: a socket's path has 108 bytes.
    """
    for folder in ASSET:
        shutil.copytree(ROOT / folder, root / "opt/nunchi" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for program in ("opt/aws/bin/cfn-signal", "opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"):
        path = root / program
        path.parent.mkdir(parents=True)
        path.write_text(RECORDER)
        path.chmod(0o755)
    programs = root / "bin"
    programs.mkdir()
    search = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {
        "PATH": search,
        "HOME": str(root / "home"),
        "UV_CACHE_DIR": _uv_cache(),
        "UV_OFFLINE": "1",
        "NUNCHI_PREFIX": str(root),
        "NUNCHI_USER": getpass.getuser(),
        "NUNCHI_PYTHON": sys.executable,
        "NUNCHI_UV": str(Path(sys.executable).with_name("uv")),
        "NUNCHI_IMDS": f"http://{LOOPBACK}:1",
        "NUNCHI_PATIENCE_S": "60",
        "AWS_REGION": "us-east-1",
        **credentials,
        **exported,
    }
    with service_manager(root, programs, {"PATH": search, **credentials}) as services:
        yield Machine(root, given, services)


def _uv_cache() -> str:
    found = subprocess.run(
        [Path(sys.executable).with_name("uv"), "cache", "dir"], capture_output=True, text=True, check=True, timeout=30
    )
    return found.stdout.strip()
