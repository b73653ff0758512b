"""`nunchi weights …` against AWS, as moto has it. In a local cloud: tests/end_to_end/test_weights.py."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from contracts.instants import from_text
from contracts.weights import Pointer
from ops.aws import AwsError
from ops.commands.weights import EXIT_POINTER_MOVED, add, promote, rollback, show
from ops.commands.weights import weights as group
from ops.exits import Exit
from registry.errors import RegistryError
from registry.weights import WeightsRegistry
from worker.models.day_0 import DEFAULT_MANIFEST

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

REGION = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"WeightsBucket": {"Value": "weights"}},
}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """An account with nothing deployed, in the region of an operator's nunchi.toml."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        yield boto3.client("s3", region_name=REGION)


@pytest.fixture
def deployed(aws: S3Client) -> S3Client:
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE))
    aws.create_bucket(Bucket="weights", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws.put_bucket_versioning(Bucket="weights", VersioningConfiguration={"Status": "Enabled"})
    return aws


def folder(name: str, content: bytes = b"weights") -> Path:
    path = Path(name)
    path.mkdir()
    (path / "m.onnx").write_bytes(content)
    files = {"weights": {"path": "m.onnx", "sha256": hashlib.sha256(content).hexdigest()}}
    (path / "manifest.json").write_text(json.dumps({"name": "YOLOv5n", "version": name, "files": files}))
    return path


def weights(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments)


def rows(*arguments: str) -> list[dict[str, object]]:
    told = weights(*arguments, "--json")
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


@pytest.mark.usefixtures("deployed")
def test_the_model_of_day_0_is_shown_like_a_run() -> None:
    """It is in every worker, and in no bucket; its files are checked all the same."""
    [shown] = rows("show", "day-0")
    content = DEFAULT_MANIFEST.read_bytes()
    assert shown == {
        "run": "day-0",
        "model": None,
        "added_at": None,
        "serves": True,
        "manifest_sha256": hashlib.sha256(content).hexdigest(),
        "manifest": json.loads(content),
    }
    assert "day-0 is complete and in service" in weights("show", "day-0").output


def test_a_run_is_added_promoted_and_rolled_back(deployed: S3Client) -> None:
    """As programs see it."""
    [added] = rows("add", str(folder("one")), "--run", "r1")
    digest = hashlib.sha256(Path("one/manifest.json").read_bytes()).hexdigest()
    assert added == {
        "run": "r1",
        "model": "YOLOv5n one",
        "added_at": added["added_at"],
        "serves": False,
        "manifest_sha256": digest,
    }
    [moved] = rows("promote", "r1", "--by", "ada", "--reason", "better")
    pointer = WeightsRegistry(deployed, "weights").current().pointer
    assert Pointer.from_json(json.dumps(moved)) == pointer
    assert pointer == Pointer(
        run="r1",
        manifest_sha256=digest,
        moved_at=from_text(str(moved["moved_at"])),
        moved_by="ada",
        previous=None,
        reason="better",
    )
    assert [(row["run"], row["serves"]) for row in rows("list")] == [("day-0", False), ("r1", True)]
    [shown] = rows("show", "r1")
    assert shown == added | {"serves": True, "manifest": json.loads(Path("one/manifest.json").read_text())}
    [back] = rows("rollback")
    assert (back["run"], back["previous"], back["moved_by"], back["reason"]) == (
        None,
        "r1",
        "ada",
        "rolled back by hand",
    )
    assert rows("list", "--history") == [back, moved]


@pytest.mark.usefixtures("deployed")
def test_people_are_told_what_to_do_next() -> None:
    added = weights("add", str(folder("one"))).output
    [run] = re.findall(r"\d{8}t\d{6}z-yolov5n(?= is added)", added)
    assert f"nunchi weights promote {run}" in added
    moved = weights("promote", run).output
    assert f"{run} is in service, after day-0" in moved
    assert "nunchi weights rollback" in moved
    assert re.search(rf"{run}\s+YOLOv5n one\s+.*serves", weights("list").output)


def test_a_pointer_to_a_run_that_is_not_there_is_shown(deployed: S3Client) -> None:
    pointer = Pointer(
        run="gone",
        manifest_sha256="0" * 64,
        moved_at=from_text("2026-11-22T03:04:05Z"),
        moved_by="ada",
        previous=None,
        reason="a test",
    )
    deployed.put_object(Bucket="weights", Key="current.json", Body=pointer.to_json().encode())
    told = " ".join(weights("list").output.split())
    assert "the pointer names run gone, which is missing; workers keep the model they have." in told
    assert "Roll back: nunchi weights rollback" in told


def test_exit_statuses_say_what_is_wrong_and_nothing_moves(deployed: S3Client) -> None:
    folder("one")
    folder("two", b"others")
    assert weights("add", "one", "--run", "r1").exit_code == 0
    assert weights("add", "one", "--run", "r1").exit_code == 0
    assert weights("add", "two", "--run", "r1").exit_code == Exit.EXISTS
    assert weights("add", ".", "--run", "r2").exit_code == Exit.INVALID
    assert weights("add", "one", "--run", "R 2").exit_code == 2
    assert weights("promote", "r2").exit_code == Exit.UNKNOWN
    assert weights("promote", "R 2").exit_code == 2
    assert weights("promote", "r1", "--reason", "one\ntwo").exit_code == 2
    assert weights("show", "r2").exit_code == Exit.UNKNOWN
    deployed.put_object(Bucket="weights", Key="runs/r1/m.onnx", Body=b"weigh")
    assert weights("promote", "r1").exit_code == Exit.INVALID
    assert weights("show", "r1").exit_code == Exit.INVALID
    assert isinstance(weights("rollback").exception, RegistryError)
    assert rows("list", "--history") == []


@pytest.mark.usefixtures("aws")
def test_without_a_deployment_it_says_what_to_deploy() -> None:
    told = weights("list")
    assert isinstance(told.exception, AwsError)
    assert "NunchiPipeline is not deployed in eu-west-1" in str(told.exception)


@pytest.mark.parametrize(
    ("command", "statuses"),
    [
        (add, {0, 1, 2, Exit.EXISTS, Exit.INVALID}),
        (promote, {0, 1, 2, Exit.UNKNOWN, Exit.INVALID, EXIT_POINTER_MOVED}),
        (rollback, {0, 1, Exit.INVALID, EXIT_POINTER_MOVED}),
        (show, {0, 1, 2, Exit.UNKNOWN, Exit.INVALID}),
    ],
    ids=["add", "promote", "rollback", "show"],
)
def test_the_exit_statuses_are_documented(command: object, statuses: set[int]) -> None:
    documented = inspect.cleandoc(command.__doc__ or "").split("Exit status:")[1].split("Unless it is")[0]
    documented = documented.split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} == statuses
