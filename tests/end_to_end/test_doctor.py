"""`nunchi doctor --local`, on a cloud that is well and on one that is not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.instants import now
from contracts.names import new_image_id
from tests.end_to_end.conftest import Running
from tests.end_to_end.photos import face_file
from tests.waiting import until

LOOKS = (
    "stacks",
    "compute",
    "worker",
    "model",
    "screen",
    "queue",
    "dead letters",
    "uploads",
    "wrong keys",
    "last label",
)
LOOKS += ("certificates",)


def findings(cloud: Running, *, status: int) -> dict[str, tuple[str, str]]:
    """By check: state and text."""
    told = cloud.nunchi("doctor", "--local", "--json")
    assert told.returncode == status, told.stdout + told.stderr
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    return {one["check"]: (one["state"], one["text"]) for one in lines}


def test_a_cloud_that_is_well_is_told_so_line_by_line(cloud: Running) -> None:
    """Read where it is kept: the worker's word at the broker, the queue, the certificates in use."""
    cloud.until_results([cloud.put(b"no photo")])
    found = findings(cloud, status=0)
    assert tuple(found) == LOOKS
    assert {state for state, _ in found.values()} == {"well"}
    record = cloud.record
    assert found["worker"] == ("well", f"{record.instance} ready")
    assert found["stacks"] == ("well", "NunchiPipeline deployed")
    assert found["last label"][1].endswith(" ago, kiosk demo")
    model = cloud.status["worker"]["model"]
    assert found["model"][1].startswith(f"{model['name']} {model['version']} ({model['digest'][:12]}")


@pytest.fixture
def letter(cloud: Running) -> Iterator[None]:
    """A message among the dead letters."""
    sqs, url = cloud.record.client("sqs"), cloud.record.queues["dead"]
    sqs.send_message(QueueUrl=url, MessageBody=new_image_id(now()))
    yield
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", []):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    until(lambda: _none_left(cloud), within_s=60, what="no dead letter is left for other tests")


def _none_left(cloud: Running) -> bool:
    told = cloud.record.client("sqs").get_queue_attributes(
        QueueUrl=cloud.record.queues["dead"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return bool(told["Attributes"]["ApproximateNumberOfMessages"] == "0")


@pytest.mark.usefixtures("letter")
def test_a_dead_letter_is_ill_and_a_person_is_told_what_to_do(cloud: Running) -> None:
    """Nothing else is: one finding of ten."""
    found = findings(cloud, status=1)
    assert [check for check, (state, _) in found.items() if state == "ill"] == ["dead letters"]
    told = cloud.nunchi("doctor", "--local").stdout
    assert "✗ dead letters 1 in " in told
    remedy = f"nunchi doctor --local --letters --state {cloud.state}"
    assert f"→ {remedy}" in told
    pasted = cloud.nunchi(*shlex.split(remedy)[1:], "--json")
    assert pasted.returncode == 0, pasted.stderr
    [message] = [json.loads(line) for line in pasted.stdout.splitlines()]
    assert message["queue"] == cloud.record.queues["dead"].rpartition("/")[2]
    assert "Failed: dead letters" in told


def test_a_key_that_is_no_upload_is_told(cloud: Running) -> None:
    """It gets no label, and nobody would know why."""
    s3, bucket = cloud.record.client("s3"), cloud.status["buckets"]["images"]
    keys = ("uploads/demo/photo1.jpg", "photo1.jpg")
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    try:
        state, text = findings(cloud, status=0)["wrong keys"]
        assert (state, all(key in text for key in keys)) == ("attention", True)
    finally:
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
    assert findings(cloud, status=0)["wrong keys"][0] == "well"


def test_a_kiosk_that_does_not_exist_is_refused_with_those_that_do(cloud: Running, tmp_path: Path) -> None:
    """Its photo would be labelled for nobody."""
    sent = cloud.nunchi("send", "--kiosk", "nosuch", str(face_file(tmp_path)))
    told = " ".join(sent.stderr.replace("│", " ").split())
    assert (sent.returncode, "there is no kiosk nosuch" in told) == (2, True), sent.stderr
    assert "counter, demo" in told
