"""Whether a retraining makes sense: what is counted since when, who goes first, what an execution may ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.errors import InvalidMessage
from contracts.instants import to_text
from contracts.settings import environment_of, load
from contracts.training import training_id
from contracts.weights import Pointer
from lambdas.train_check import CheckPreconditions, CheckSettings, plan, trained_at

SETTINGS = CheckSettings(dataset_bucket="dataset", weights_bucket="weights", least_new_labels=3)
STARTED = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
MACHINE = "arn:aws:states:ap-northeast-2:123456789012:stateMachine:nunchi-training"


class States:
    """Step Functions, with executions that run: name and start."""

    def __init__(self, *running: tuple[str, datetime]) -> None:
        self._running = running

    def get_paginator(self, _: str) -> States:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"stateMachineArn": MACHINE, "statusFilter": "RUNNING"}
        return [{"executions": [{"name": name, "startDate": at} for name, at in self._running]}]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in ("dataset", "weights"):
            s3.create_bucket(Bucket=bucket)
        yield s3


def check(s3: Any, *others: tuple[str, datetime], **asked: Any) -> dict[str, Any]:
    clients = {"s3": s3, "stepfunctions": States(("me", STARTED), *others)}
    event = {"execution": "me", "started": to_text(STARTED), "machine": MACHINE, "input": asked}
    return CheckPreconditions(client=clients.__getitem__, settings=SETTINGS)(event, None)


def put_labels(s3: Any, count: int, tree: str = "auto") -> None:
    for number in range(count):
        s3.put_object(Bucket="dataset", Key=f"{tree}/labels/lobby/{number:026d}.txt", Body=b"")
        s3.put_object(Bucket="dataset", Key=f"{tree}/images/lobby/{number:026d}.jpg", Body=b"")


def point_at(s3: Any, run: str | None, moved_at: datetime) -> None:
    pointer = Pointer(
        run=run,
        manifest_sha256=None if run is None else "0" * 64,
        moved_at=moved_at,
        moved_by="ada",
        previous=None,
        reason="better",
    )
    s3.put_object(Bucket="weights", Key="current.json", Body=pointer.to_json().encode())


def test_with_enough_labels_of_either_tree_a_machine_is_started(s3: Any) -> None:
    """The id is that of its execution, whatever attempt asks for it."""
    put_labels(s3, 2)
    put_labels(s3, 1, "reviewed")
    assert check(s3) == {
        "next": "start",
        "training": training_id(STARTED, "me"),
        "execution": "me",
        "attempt": 1,
        "began_at": "2026-11-22T03:04:05.000Z",
        "new_labels": 3,
        "least_new_labels": 3,
        "attempts": 3,
        "poll_s": 60,
        "online_s": 900,
        "first_sign_s": 2400,
        "heartbeat_s": 900,
        "limit_s": 43_200,
    }


def test_with_too_few_people_are_told_how_many_there_are(s3: Any) -> None:
    put_labels(s3, 2)
    put_labels(s3, 5, "golden")
    put_labels(s3, 5, "review")
    state = check(s3)
    assert {name: state[name] for name in ("next", "verdict", "rule", "reason", "new_labels")} == {
        "next": "notify",
        "verdict": "skipped",
        "rule": "too_few_labels",
        "reason": "2 new labels came since the last training, and 3 are required: no machine was started.",
        "new_labels": 2,
    }


@pytest.mark.parametrize(("age", "labels"), [(timedelta(days=-1), 0), (timedelta(days=1), 3)])
def test_a_label_is_new_when_it_came_after_the_incumbents_training_began(s3: Any, age: timedelta, labels: int) -> None:
    """The pointer may have moved since, by a rollback."""
    put_labels(s3, 3)
    began = datetime.now(UTC) - age
    point_at(s3, f"{began:%Y%m%dt%H%M%Sz}-yolov5n", datetime.now(UTC) + timedelta(days=9))
    assert check(s3)["new_labels"] == labels


def test_what_a_person_named_is_as_old_as_its_promotion() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def pointer(run: str | None) -> Pointer:
        digest = None if run is None else "0" * 64
        return Pointer(run=run, manifest_sha256=digest, moved_at=at, moved_by="a", previous=None, reason="b")

    assert trained_at(None) is None
    assert trained_at(pointer(None)) is None
    assert trained_at(pointer("our-2400-photos")) == at
    assert trained_at(pointer("20269999t999999z-x")) == at
    assert trained_at(pointer("20261122t030405z-yolov5n")) == STARTED


def test_of_two_at_once_the_elder_goes_on_and_the_younger_names_it(s3: Any) -> None:
    put_labels(s3, 3)
    younger = check(s3, ("elder", STARTED - timedelta(seconds=1)))
    assert (younger["next"], younger["rule"], younger["reason"]) == (
        "notify",
        "another_runs",
        "The retraining elder began earlier and is not over.",
    )
    assert check(s3, ("younger", STARTED + timedelta(seconds=1)))["next"] == "start"
    assert check(s3, ("zoe", STARTED))["next"] == "start"
    assert check(s3, ("bob", STARTED))["next"] == "notify"


def test_an_execution_may_ask_for_fewer_labels_and_another_pace(s3: Any) -> None:
    state = check(s3, least_new_labels=0, poll_s=1)
    assert (state["next"], state["least_new_labels"], state["poll_s"]) == ("start", 0, 1)


@pytest.mark.parametrize("asked", [{"poll_s": 0}, {"poll_s": "1"}, {"limit_s": 10**6}, {"bucket": 1}, {"poll_s": True}])
def test_what_an_execution_may_not_ask_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage, match=r"whole number from|bucket is not a setting"):
        plan(SETTINGS, asked)


def test_the_settings_survive_the_environment() -> None:
    assert load(CheckSettings, environment_of(SETTINGS)) == SETTINGS
