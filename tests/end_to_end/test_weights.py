"""From a promotion to the messages that name the new model, and back: with the command that people use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import now
from contracts.weights import new_run_id
from local import worker_socket
from tests.end_to_end.conftest import Running
from tests.end_to_end.photos import face_file
from tests.waiting import until
from worker.models.day_0 import DEFAULT_MANIFEST


@pytest.fixture
def run(cloud: Running, tmp_path: Path) -> Iterator[str]:
    """A run that is the model of day 0 under another version; at the end the bucket is empty, and day 0 serves."""
    name = new_run_id(now(), "end-to-end")
    manifest = json.loads(DEFAULT_MANIFEST.read_text()) | {"version": name}
    shutil.copytree(DEFAULT_MANIFEST.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    added = said(cloud, "add", str(tmp_path), "--run", name)
    assert (added["run"], added["model"]) == (name, f"cascade {name}")
    yield name
    s3, bucket = cloud.record.client("s3"), cloud.status["buckets"]["weights"]
    for one in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    until(lambda: model(cloud)["version"] == "2", within_s=60, what="day 0 serves again")


def said(cloud: Running, *command: str) -> Any:
    told = cloud.nunchi("weights", *command, "--local", "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def model(cloud: Running) -> dict[str, str]:
    told = worker_socket.model(cloud.record.worker.socket)
    assert told is not None
    return dict(told)


def version_of_a_photo(cloud: Running, photo: bytes) -> str:
    image_id = cloud.put(photo)
    cloud.until_results([image_id])
    result = cloud.result(image_id)
    assert result is not None
    return result.message.model.version


def test_a_run_is_promoted_serves_and_is_rolled_back(cloud: Running, run: str, tmp_path: Path) -> None:
    """Messages name the version that decided them; the pointer tells who put it there, and why."""
    photo = face_file(tmp_path).read_bytes()
    assert version_of_a_photo(cloud, photo) == "2"

    moved = said(cloud, "promote", run, "--by", "ada", "--reason", "a test")
    assert (moved["run"], moved["previous"], moved["moved_by"], moved["reason"]) == (run, None, "ada", "a test")
    until(lambda: model(cloud)["version"] == run, within_s=60, what="the promoted run serves")
    assert model(cloud)["digest"] == moved["manifest_sha256"]
    assert json.loads(cloud.nunchi("status", "--json").stdout)["worker"]["model"] == model(cloud)
    assert version_of_a_photo(cloud, photo) == run

    back = said(cloud, "rollback", "--by", "ada", "--reason", "a test")
    assert (back["run"], back["previous"]) == (None, run)
    until(lambda: model(cloud)["version"] == "2", within_s=60, what="day 0 serves")
    assert version_of_a_photo(cloud, photo) == "2"


def test_no_run_that_is_not_there_is_promoted(cloud: Running) -> None:
    """The pointer stays, and the exit status says why."""
    told = cloud.nunchi("weights", "promote", "20200101t000000z-never", "--local")
    assert (told.returncode, "there is no complete run" in " ".join(told.stderr.split())) == (4, True)
