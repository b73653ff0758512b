"""One cloud for all tests of the whole path, with a cable between its worker and its broker that can be cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import now
from contracts.names import Reference, new_image_id
from local.environment import ROOT
from local.ports import free_ports
from local.record import Record
from local.state import StateDir
from ops import supervise
from recipes.kiosk.message import Result
from tests.end_to_end.listener import Listener
from tests.end_to_end.proxy import Cable
from tests.waiting import until

UP_S = 300
BROKEN_AWS = {"AWS_PROFILE": "nope", "AWS_CONFIG_FILE": __file__, "AWS_SESSION_TOKEN": "expired"}


def run_nunchi(state: Path, *arguments: str, timeout_s: float = UP_S) -> subprocess.CompletedProcess[str]:
    """The command as a user has it: in a process of its own, with AWS settings that AWS's tools would fail with."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env={**os.environ, **BROKEN_AWS, "NUNCHI_STATE": str(state), "COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        supervise.stop(StateDir(state))  # an `up --detach` that was killed leaves its cloud starting
        raise


@pytest.fixture(autouse=True)
def _no_cloud_outlives_its_test(tmp_path: Path) -> Iterator[None]:
    """Whatever a test started in its own folder, and in one below, ends with it."""
    yield
    for lock in (tmp_path / "lock", *tmp_path.glob("*/lock")):
        if lock.is_file() and not lock.parent.is_symlink():
            supervise.stop(StateDir(lock.parent))


@dataclass(frozen=True)
class Running:
    """A cloud that is up, as a stranger knows it: from `nunchi status --json`."""

    state: Path
    status: dict[str, Any]
    cable: Cable

    @property
    def record(self) -> Record:
        return StateDir(self.state).read()

    def nunchi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_nunchi(self.state, *arguments)

    def put(self, photo: bytes, *, suffix: str = ".jpg", image_id: str | None = None) -> str:
        """Upload for the kiosk `demo`; the image id."""
        image_id = image_id or new_image_id(now())
        s3 = self.record.client("s3")
        s3.put_object(Bucket=self.status["buckets"]["images"], Key=f"uploads/demo/{image_id}{suffix}", Body=photo)
        return image_id

    def result(self, image_id: str) -> Result | None:
        """The stored result of a photo of the kiosk `demo`, if there is one."""
        s3 = self.record.client("s3")
        try:
            answer = s3.get_object(Bucket=self.status["buckets"]["images"], Key=Reference("demo", image_id).result_key)
        except s3.exceptions.NoSuchKey:
            return None
        return Result.from_json(answer["Body"].read())

    def until_results(self, image_ids: list[str], *, within_s: float = 60) -> None:
        """Wait until every photo has a result."""
        left = set(image_ids)

        def all_there() -> bool:
            left.difference_update([image_id for image_id in left if self.result(image_id)])
            return not left

        until(all_there, within_s=within_s, what=f"a result for each of {len(image_ids)} photos")


@contextmanager
def running_cloud(state: Path, *options: str, **settings: str) -> Generator[Running, None, None]:
    """A cloud with these options of `nunchi up` and these variables, stopped at the end of the block."""
    mqtt_port, cable_port = free_ports(2)
    with pytest.MonkeyPatch.context() as environment, Cable(cable_port, mqtt_port) as cable:
        environment.setenv("NUNCHI_LABEL_TTL_S", "300")  # a busy machine must not make a label old
        for name, value in settings.items():
            environment.setenv(name, value)
        try:
            ports = (f"--mqtt-port={mqtt_port}", f"--worker-mqtt-port={cable_port}")
            started = run_nunchi(state, "up", "--detach", *options, *ports)
            assert started.returncode == 0, started.stderr
            told = run_nunchi(state, "status", "--json")
            yield Running(state, json.loads(told.stdout), cable)
        finally:
            ended = run_nunchi(state, "down")
            assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def labels(cloud: Running) -> Iterator[Listener]:
    """The kiosk's own ear, under the policy that AWS will hold it to."""
    with Listener(cloud.record.device) as listener:
        yield listener
