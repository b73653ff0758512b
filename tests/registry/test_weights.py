"""The registry against moto's S3: runs are written once, and of two who move the pointer one is told so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from contracts.weights import Pointer
from registry.errors import InvalidRun, PointerMoved, RegistryError, RunExists, RunUnknown
from registry.weights import CurrentRun, WeightsRegistry

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="weights")
        client.put_bucket_versioning(Bucket="weights", VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def weights(s3: S3Client) -> WeightsRegistry:
    return WeightsRegistry(s3, "weights", clock=lambda: AT)


def folder(path: Path, content: bytes = b"weights") -> Path:
    """A run as training leaves it: manifest, weights, and a report that no worker needs."""
    (path / "onnx").mkdir(parents=True)
    (path / "onnx" / "model.onnx").write_bytes(content)
    (path / "report.html").write_text("<p>better</p>")
    entry = {"path": "onnx/model.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    (path / "manifest.json").write_text(json.dumps({"name": "yolov5n", "version": "1", "files": {"weights": entry}}))
    return path


def keys(s3: S3Client) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket="weights").get("Contents", [])]


def moved(run: str | None, digest: str | None, previous: str | None) -> Pointer:
    return Pointer(run=run, manifest_sha256=digest, moved_at=AT, moved_by="ada", previous=previous, reason="a test")


def test_a_run_is_its_folder(s3: S3Client, weights: WeightsRegistry, tmp_path: Path) -> None:
    run = weights.add(folder(tmp_path / "run"), "r1")
    digest = hashlib.sha256((tmp_path / "run" / "manifest.json").read_bytes()).hexdigest()
    assert (run.id, run.version, run.manifest_sha256) == ("r1", "yolov5n 1", digest)
    assert keys(s3) == ["runs/r1/manifest.json", "runs/r1/onnx/model.onnx", "runs/r1/report.html"]
    assert weights.runs() == [run]
    assert weights.current() == CurrentRun(None, None)


def test_a_run_that_is_not_complete_is_no_run_yet(s3: S3Client, weights: WeightsRegistry) -> None:
    s3.put_object(Bucket="weights", Key="runs/r1/model.onnx", Body=b"weights")
    assert weights.runs() == []
    with pytest.raises(RunUnknown, match="there is no complete run r1"):
        weights.promote("r1", by="ada", reason="a test")
    assert weights.current() == CurrentRun(None, None)


def test_adding_again_after_a_crash_completes_the_run(s3: S3Client, weights: WeightsRegistry, tmp_path: Path) -> None:
    path = folder(tmp_path / "run")
    weights.add(path, "r1")
    s3.delete_object(Bucket="weights", Key="runs/r1/manifest.json")
    assert weights.add(path, "r1") == weights.run("r1")


def test_runs_never_change(weights: WeightsRegistry, tmp_path: Path) -> None:
    before = weights.add(folder(tmp_path / "one"), "r1")
    with pytest.raises(RunExists, match=r"run r1 exists with another onnx/model\.onnx, and runs are immutable"):
        weights.add(folder(tmp_path / "two", b"others"), "r1")
    assert weights.check("r1") == before


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: (path / "manifest.json").unlink(), r"has no manifest\.json"),
        (lambda path: (path / "manifest.json").write_text("{"), "is not JSON"),
        (lambda path: (path / "manifest.json").write_text("[]"), "is not a JSON object"),
        (lambda path: (path / "manifest.json").write_text("{}"), "need a path and a sha256 each"),
        (lambda path: (path / "onnx" / "model.onnx").unlink(), "can't be read"),
        (lambda path: (path / "onnx" / "model.onnx").write_bytes(b"weigh"), "has SHA-256 .*, not"),
        (lambda path: (path / "a report.html").touch(), "Rename the file"),
    ],
    ids=["no-manifest", "no-json", "no-object", "no-files", "file-missing", "file-cut-off", "name"],
)
def test_a_folder_that_is_no_whole_run_is_refused_before_anything_is_written(
    s3: S3Client, weights: WeightsRegistry, tmp_path: Path, spoil: object, says: str
) -> None:
    path = folder(tmp_path / "run")
    assert callable(spoil)
    spoil(path)
    with pytest.raises(InvalidRun, match=says):
        weights.add(path, "r1")
    assert keys(s3) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"weigh", "has SHA-256"), (None, "onnx/model.onnx of run r1 is missing")],
    ids=["cut-off", "missing"],
)
def test_a_run_that_was_spoilt_in_the_bucket_is_not_promoted(
    s3: S3Client, weights: WeightsRegistry, tmp_path: Path, content: bytes | None, says: str
) -> None:
    weights.add(folder(tmp_path / "run"), "r1")
    if content is None:
        s3.delete_object(Bucket="weights", Key="runs/r1/onnx/model.onnx")
    else:
        s3.put_object(Bucket="weights", Key="runs/r1/onnx/model.onnx", Body=content)
    with pytest.raises(InvalidRun, match=says):
        weights.promote("r1", by="ada", reason="a test")
    assert weights.current() == CurrentRun(None, None)


def test_the_pointer_moves_back_and_forth_and_remembers(weights: WeightsRegistry, tmp_path: Path) -> None:
    one = weights.add(folder(tmp_path / "one"), "r1").manifest_sha256
    two = weights.add(folder(tmp_path / "two", b"others"), "r2").manifest_sha256
    moves = [
        weights.promote("r1", by="ada", reason="a test"),
        weights.promote("r2", by="ada", reason="a test"),
        weights.rollback(by="ada", reason="a test"),
        weights.rollback(by="ada", reason="a test"),
        weights.promote(None, by="ada", reason="a test"),
        weights.rollback(by="ada", reason="a test"),
    ]
    assert moves == [
        moved("r1", one, None),
        moved("r2", two, "r1"),
        moved("r1", one, "r2"),
        moved("r2", two, "r1"),
        moved(None, None, "r2"),
        moved("r2", two, None),
    ]
    assert weights.current().pointer == moves[-1]
    assert weights.history() == moves[::-1]


def test_what_serves_already_is_not_promoted_again(weights: WeightsRegistry, tmp_path: Path) -> None:
    """`previous` would name itself, and there would be no way back."""
    weights.add(folder(tmp_path / "run"), "r1")
    weights.promote("r1", by="ada", reason="a test")
    with pytest.raises(RegistryError, match="r1 is in service already; the pointer was not moved"):
        weights.promote("r1", by="ada", reason="a test")


def test_without_a_pointer_there_is_nothing_to_go_back_to(weights: WeightsRegistry) -> None:
    with pytest.raises(RegistryError, match="no run was ever promoted, day-0 is in service"):
        weights.rollback(by="ada", reason="a test")


@pytest.mark.parametrize("first", [True, False], ids=["first-pointer", "later-pointer"])
def test_of_two_who_were_judged_against_the_same_the_second_is_told(
    weights: WeightsRegistry, tmp_path: Path, first: bool
) -> None:
    """A run that was better than r1 need not be better than r2."""
    for number in ("1", "2", "3"):
        weights.add(folder(tmp_path / number, number.encode()), f"r{number}")
    if not first:
        weights.promote("r1", by="ada", reason="a test")
    judged_against = weights.current()
    won = weights.promote("r2", by="ada", reason="a test", over=judged_against)
    with pytest.raises(PointerMoved, match="the pointer was moved meanwhile; r3 was not promoted"):
        weights.promote("r3", by="ada", reason="a test", over=judged_against)
    assert weights.current().pointer == won


def test_a_pointer_that_is_none_says_what_it_is_and_what_to_do(s3: S3Client, weights: WeightsRegistry) -> None:
    s3.put_object(Bucket="weights", Key="current.json", Body=b"r1")
    with pytest.raises(RegistryError, match=r"the pointer is not JSON: .*; workers keep their model"):
        weights.current()
    assert weights.history() == []
