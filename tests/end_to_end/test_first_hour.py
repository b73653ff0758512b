"""The operator's first hour, as docs/operating.md writes it, run in its order.

What needs an AWS account is marked there, and left out: bootstrapping, the stack of instances, a release to go back to.
`nunchi up` has deployed NunchiPipeline as `cdk deploy` does; from then on every command is the document's own, with
`--local` for `nunchi`, and with the local cloud's address for `cdk`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.names import PIPELINE_STACK
from lambdas.enrol import Enrolment, EnrolSettings
from local.aws.deploy import ASSEMBLIES
from local.environment import ROOT, base_environ, operators_settings
from local.provisioning import SCREEN_KIOSK
from local.record import Record
from local.state import StateDir
from tests.end_to_end.conftest import run_nunchi

DOCUMENT = ROOT / "docs" / "operating.md"
ASKS_A_CLOUD = ("kiosk", "doctor", "remains")


def commands() -> list[str]:
    """The lines of the blocks that are run, in order."""
    blocks = re.findall(r"<!-- first hour -->\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def left_out() -> list[str]:
    blocks = re.findall(r"<!-- first hour: an AWS account -->\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the operator works: the same in both hours."""
    return tmp_path_factory.mktemp("clone")


@pytest.fixture(params=["the first time", "again in the same clone"])
def hour(tmp_path: Path, clone: Path) -> Iterator[tuple[Path, Path]]:
    """The state folder of a cloud of its own, which the hour destroys; and the folder to work in."""
    state = tmp_path / "cloud"
    try:
        up = run_nunchi(state, "up", "--detach")
        assert up.returncode == 0, up.stderr
        yield state, clone
    finally:
        run_nunchi(state, "down")


def run(line: str, state: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the document as an operator would."""
    record = StateDir(state).read()
    words = shlex.split(line)
    environ = {**os.environ, "NUNCHI_STATE": str(state), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    cwd = folder
    if words[0] == "nunchi" and words[1] in ASKS_A_CLOUD:
        words.append("--local")
    if words[0] == "cdk":
        environ = base_environ(os.environ, endpoint=record.endpoints["s3"])
        environ |= operators_settings(os.environ, mode=record.mode) | {"CDK_HOME": str(folder / "cdk")}
        words += [
            "--output",
            str(folder / "assembly"),
            "--app",
            f"{sys.executable} -m local.aws.synthesis {ASSEMBLIES}",
        ]
        cwd = ROOT
    return subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=300)


def test_what_is_left_out_needs_an_account() -> None:
    """Nothing that this machine could run hides among it."""
    assert left_out() == [
        "nunchi preflight",
        "cdk bootstrap",
        "cdk deploy --all",
        "git checkout v0.1.0",
        "make setup",
        "cdk deploy --all",
        "cdk destroy --force NunchiBudget NunchiHealth NunchiCompute NunchiTraining",
    ]


def test_the_first_hour_goes_as_it_is_written(hour: tuple[Path, Path]) -> None:
    """Every command succeeds, and after the last one only what is retained is left."""
    state, folder = hour
    record = StateDir(state).read()
    said: dict[str, str] = {}
    for line in commands():
        if line.startswith("rm "):
            assert (folder / "counter1" / "counter1.key.pem").stat().st_mode & 0o777 == 0o600
        if line in said:  # the second look at what remains: this cloud's own devices must have gone by now
            remove_devices(record, state)
        answer = run(line, state, folder)
        assert answer.returncode == 0, f"{line}\n{answer.stdout}\n{answer.stderr}"
        said[line] = answer.stdout + answer.stderr
    assert "is valid" in said["nunchi config check"]
    assert "total, a month" in said["nunchi cost"]
    assert "counter1" in said["nunchi kiosk list"]
    assert "✗" not in said["nunchi doctor"]
    assert all(bucket in said["nunchi remains"] for bucket in record.buckets.values())
    assert "First" not in said["nunchi remains"]
    assert remaining_stacks(record) == []
    kept = {one["Name"] for one in record.client("s3").list_buckets()["Buckets"]}
    assert set(record.buckets.values()) <= kept


def remove_devices(record: Record, state: Path) -> None:
    """The local cloud's own kiosks; and its worker, as EC2's word of a terminated instance brings about on AWS.

    Not by the deployed function: ministack takes its calls about certificates for calls about everything, and refuses
    them (tests/security judges them).
    """
    for kiosk in (record.kiosk, SCREEN_KIOSK):
        assert run_nunchi(state, "kiosk", "remove", kiosk, "--yes", "--local").returncode == 0
    settings = EnrolSettings(worker_policy=outputs_of(record)["WorkerPolicyName"])
    event = {
        "detail-type": "EC2 Instance State-change Notification",
        "detail": {"instance-id": record.instance, "state": "terminated"},
    }
    Enrolment(ec2=record.client("ec2"), iot=record.client("iot"), settings=settings)(event, None)


def outputs_of(record: Record) -> dict[str, str]:
    [stack] = record.client("cloudformation").describe_stacks(StackName=PIPELINE_STACK)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def remaining_stacks(record: Record) -> list[str]:
    stacks = record.client("cloudformation").describe_stacks()["Stacks"]
    return [
        one["StackName"]
        for one in stacks
        if one["StackName"].startswith("Nunchi") and "DELETE" not in one["StackStatus"]
    ]
