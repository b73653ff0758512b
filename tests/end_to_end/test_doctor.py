"""`nunchi doctor --local`, on a cloud that is well and on one that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from contracts.instants import now
from contracts.names import new_image_id
from tests.end_to_end.conftest import Running
from tests.waiting import until

LOOKS = ("stacks", "compute", "worker", "model", "screen", "queue", "dead letters", "uploads", "last label")
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
    assert f"→ aws sqs receive-message --max-number-of-messages 10 --queue-url {cloud.record.queues['dead']}" in told
    assert "Failed: dead letters" in told
