"""How a retraining is, and what people are told in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.instants import to_text
from contracts.names import POINTER
from contracts.training import OUTCOME, PROGRESS, Phase, TrainingOutcome, TrainingProgress, Verdict, training_key
from contracts.weights import Pointer
from lambdas.train_notify import Notify, NotifySettings, message, outcome_of
from lambdas.train_poll import CommandStatus, NextStep, Observation, Poll, PollSettings, decide

AT = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
TRAINING = "20261122t030405z-yolov5n"
make_client: Callable[..., Any] = boto3.client  # its types know a service by a literal name only
LIMITS = {"online_s": 900, "first_sign_s": 2400, "heartbeat_s": 600, "limit_s": 36_000}


def ago(minutes: float) -> str:
    return to_text(AT - timedelta(minutes=minutes))


STATE: dict[str, Any] = {
    "training": TRAINING,
    "execution": "me",
    "attempt": 1,
    "instance": "i-1",
    "market": "spot",
    "least_new_labels": 5,
    "began_at": ago(20),
    "started_at": ago(10),
    "command": "c",
    "commanded_at": ago(8),
    **LIMITS,
}
WAITING = {**STATE, "command": None}


def progress(minutes: float) -> TrainingProgress:
    return TrainingProgress(training=TRAINING, phase=Phase.TRAINING, at=AT - timedelta(minutes=minutes))


def outcome(verdict: Verdict = Verdict.KEPT, **changed: Any) -> TrainingOutcome:
    fields: dict[str, Any] = {
        "rule": "not_better",
        "reason": "By less than the noise.",
        "run": None,
        "incumbent": None,
        "report": None,
    }
    return TrainingOutcome(training=TRAINING, verdict=verdict, ended_at=AT, **fields | changed)


RUNS = CommandStatus("InProgress", -1)


@pytest.mark.parametrize(
    ("seen", "state", "step"),
    [
        (Observation(machine="pending"), WAITING, ("wait", "")),
        (Observation(machine=None), WAITING, ("wait", "")),  # not known everywhere yet
        (Observation(machine="running", online=True), WAITING, ("command", "")),
        (Observation(machine="running"), {**WAITING, "started_at": ago(16)}, ("failed", "never_online")),
        (Observation(machine="running", command=RUNS), STATE, ("wait", "")),
        (Observation(machine="running"), STATE, ("wait", "")),  # Run Command does not know it yet
        (
            Observation(machine="running", command=RUNS, progress=progress(9.9)),
            STATE,
            ("wait", ""),
        ),  # of an earlier attempt
        (
            Observation(machine="running", command=RUNS),
            {**STATE, "commanded_at": ago(41)},
            ("failed", "heartbeat_lost"),
        ),
        (
            Observation(machine="running", command=RUNS, progress=progress(11)),
            {**STATE, "commanded_at": ago(15)},
            ("failed", "heartbeat_lost"),
        ),
        (
            Observation(machine="running", command=RUNS, progress=progress(1)),
            {**STATE, "began_at": ago(601)},
            ("failed", "too_long"),
        ),
        (
            Observation(machine="running", command=CommandStatus("Failed", 6)),
            STATE,
            ("wait", ""),
        ),  # an earlier command trains
        (Observation(machine="terminated", command=CommandStatus("Failed", 6)), STATE, ("interrupted", "spot_lost")),
        (Observation(machine="running", command=CommandStatus("Failed", 124)), STATE, ("failed", "too_long")),
        (Observation(machine="running", command=CommandStatus("Failed", 1)), STATE, ("failed", "crashed")),
        (Observation(machine="running", command=CommandStatus("TimedOut", -1)), STATE, ("failed", "crashed")),
        (Observation(machine="running", command=CommandStatus("Success", 0)), STATE, ("failed", "no_outcome")),
        (
            Observation(machine="shutting-down", command=CommandStatus("Failed", 75)),
            STATE,
            ("interrupted", "spot_notice"),
        ),
        (Observation(machine="terminated", command=RUNS), STATE, ("interrupted", "spot_lost")),
        (Observation(machine="terminated", command=CommandStatus("Failed", -1)), STATE, ("interrupted", "spot_lost")),
        (Observation(machine="terminated", command=RUNS), {**STATE, "market": "on-demand"}, ("failed", "machine_lost")),
        (Observation(machine="terminated", command=CommandStatus("Failed", 1)), STATE, ("failed", "crashed")),
        (Observation(machine=None, command=RUNS, outcome=outcome()), STATE, ("done", "not_better")),
    ],
)
def test_what_is_certain_goes_before_what_is_guessed(
    seen: Observation, state: dict[str, Any], step: tuple[str, str]
) -> None:
    told = decide(seen, state, AT)
    assert (told.next, told.rule) == step
    assert bool(told.reason) == (told.next not in ("wait", "command"))


def test_of_a_machine_that_is_gone_people_read_what_ec2_says() -> None:
    """An image, a key or a disk that it could not have looks like a Spot machine that was taken back."""
    why = "Client.InvalidKMSKey.InvalidState: The KMS key is disabled"
    for market, reason in (
        ("spot", "AWS took the Spot machine back."),
        ("on-demand", "The machine i-1 is gone, and its training reported no end."),
    ):
        told = decide(Observation(machine="terminated", why=why), {**WAITING, "market": market}, AT)
        assert told.reason == f"{reason} EC2 says: {why}"


def test_a_crash_is_told_with_the_last_words() -> None:
    told = decide(
        Observation(machine="running", command=CommandStatus("Failed", 1, "x" * 9000 + "no space left")), STATE, AT
    )
    assert told == NextStep("failed", "crashed", f"The training ended with status 1 (Failed): {'x' * 487}no space left")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="dataset")
        yield


class Managed:
    """SSM, whose agents answer; it remembers what it was told to send."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def describe_instance_information(self, *, Filters: list[dict[str, Any]]) -> dict[str, Any]:
        [asked] = Filters
        return {"InstanceInformationList": [{"InstanceId": one, "PingStatus": "Online"} for one in asked["Values"]]}

    def send_command(self, **asked: Any) -> dict[str, Any]:
        self.sent.append(asked)
        return {"Command": {"CommandId": "c-1"}}

    def get_command_invocation(self, **_: Any) -> dict[str, Any]:
        return {"Status": "InProgress", "ResponseCode": -1}


def watching(ssm: Managed) -> Poll:
    return Poll(
        client=lambda service: ssm if service == "ssm" else make_client(service),
        settings=PollSettings(dataset_bucket="dataset", document="Nunchi-Train"),
        clock=lambda: AT,
    )


@pytest.mark.usefixtures("aws")
def test_a_machine_that_is_reached_is_told_once_to_train() -> None:
    """With the id, by which another attempt finds its checkpoint; then it is watched."""
    [one] = boto3.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"]
    ssm = Managed()
    new = {**WAITING, "instance": one["InstanceId"], "started_at": None}
    told = watching(ssm)(new, None)
    assert told == {**new, "next": "wait", "started_at": to_text(AT), "command": "c-1", "commanded_at": to_text(AT)}
    assert watching(ssm)(told, None) == told
    assert ssm.sent == [
        {
            "InstanceIds": [one["InstanceId"]],
            "DocumentName": "Nunchi-Train",
            "Parameters": {"Training": [TRAINING], "LeastNewLabels": ["5"], "LimitSeconds": ["36000"]},
            "TimeoutSeconds": 600,
            "Comment": "attempt 1",
        }
    ]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("path", "text", "step"),
    [
        (OUTCOME, outcome().to_json(), ("done", "not_better")),
        (OUTCOME, "not JSON", ("interrupted", "spot_lost")),
        (PROGRESS, progress(1).to_json(), ("interrupted", "spot_lost")),
    ],
)
def test_an_outcome_counts_though_the_machine_is_gone(path: str, text: str, step: tuple[str, str]) -> None:
    boto3.client("s3").put_object(Bucket="dataset", Key=training_key(TRAINING, path), Body=text.encode())
    told = watching(Managed())({**STATE, "instance": "i-0123456789abcdef0"}, None)
    assert (told["next"], told["rule"]) == step


class People:
    """SNS, with what was published."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> None:
        assert TopicArn == "topic"
        self.heard.append((Subject, Message))


def telling(people: People) -> Notify:
    return Notify(
        client=lambda service: people if service == "sns" else make_client(service),
        settings=NotifySettings(dataset_bucket="dataset", weights_bucket="weights", topic="topic"),
        clock=lambda: AT,
    )


def stored() -> TrainingOutcome:
    body = boto3.client("s3").get_object(Bucket="dataset", Key=training_key(TRAINING, OUTCOME))["Body"]
    try:
        return TrainingOutcome.from_json(body.read())
    finally:
        body.close()


@pytest.mark.usefixtures("aws")
def test_a_retraining_that_wrote_no_outcome_gets_one_and_people_are_told() -> None:
    people = People()
    state = {**STATE, "verdict": "failed", "rule": "crashed", "reason": "It broke."}
    told = telling(people)({"execution": "me", "state": state}, None)
    assert told == {"training": TRAINING, "verdict": "failed", "rule": "crashed", "message": "It broke."}
    assert stored() == outcome(Verdict.FAILED, rule="crashed", reason="It broke.")
    [(subject, text)] = people.heard
    assert subject == f"Nunchi training {TRAINING}: failed"
    assert text == (
        "The training failed. The weights in service stay.\n\nRule: crashed\nReason: It broke.\n\n"
        "Next: aws logs tail /nunchi/training --since 1d; of a training that no machine began: aws logs tail "
        "/aws/vendedlogs/states/nunchi-training --since 1d; then: nunchi train"
    )


@pytest.mark.usefixtures("aws")
def test_what_the_training_wrote_goes_before_what_the_state_machine_thinks() -> None:
    """It may have come to its end while the state machine gave it up."""
    people = People()
    won = outcome(Verdict.PROMOTED, run=TRAINING, report=f"runs/{TRAINING}/report.html")
    boto3.client("s3").put_object(Bucket="dataset", Key=training_key(TRAINING, OUTCOME), Body=won.to_json().encode())
    told = telling(people)({"execution": "me", "state": {**STATE, "verdict": "failed", "rule": "too_long"}}, None)
    assert (told["verdict"], told["rule"], stored()) == ("promoted", "not_better", won)
    [(subject, text)] = people.heard
    assert subject.endswith(": promoted")
    assert f"Report: s3://weights/runs/{TRAINING}/report.html" in text
    assert text.endswith(f"Next: nunchi weights show {TRAINING}; nunchi weights rollback undoes it")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("serves", "verdict"), [(TRAINING, "promoted"), ("another", "failed"), (None, "failed")])
def test_a_training_that_was_cut_off_after_it_moved_the_pointer_is_promoted(serves: str | None, verdict: str) -> None:
    """Else people read that nothing changed, while the new weights serve."""
    people, s3 = People(), boto3.client("s3")
    s3.create_bucket(Bucket="weights")
    if serves is not None:
        pointer = Pointer(
            run=serves, manifest_sha256="0" * 64, moved_at=AT, moved_by="retrain", previous=None, reason="better"
        )
        s3.put_object(Bucket="weights", Key=POINTER, Body=pointer.to_json().encode())
    state = {**STATE, "verdict": "failed", "rule": "heartbeat_lost", "reason": "No heartbeat came."}
    assert telling(people)({"execution": "me", "state": state}, None)["verdict"] == verdict
    assert stored().verdict == verdict
    [(subject, text)] = people.heard
    assert subject.endswith(f": {verdict}")
    assert "No heartbeat came." in text
    assert ("nunchi weights rollback undoes it" in text) == (verdict == "promoted")


@pytest.mark.usefixtures("aws")
def test_a_machine_that_could_not_be_stopped_is_the_first_that_people_read() -> None:
    """And the execution fails, whatever the training came to."""
    people = People()
    state = {
        **STATE,
        "next": "done",
        "unstopped": {"Error": "InstanceStillRunning", "Cause": '{"errorMessage": "i-1", "stackTrace": []}'},
    }
    boto3.client("s3").put_object(
        Bucket="dataset", Key=training_key(TRAINING, OUTCOME), Body=outcome().to_json().encode()
    )
    assert telling(people)({"execution": "me", "state": state}, None)["verdict"] == "failed"
    [(_, text)] = people.heard
    assert text.startswith("A TRAINING MACHINE MAY STILL RUN, and cost money. First: aws ec2 describe-instances")
    assert "Why: InstanceStillRunning: i-1\n" in text


def test_what_broke_before_a_machine_could_not_be_stopped_is_not_forgotten() -> None:
    state = {**STATE, "error": {"Error": "ClientError", "Cause": "no"}, "unstopped": {"Error": "InstanceStillRunning"}}
    told = outcome_of(state, AT)
    assert (told.verdict, told.rule, told.reason) == ("failed", "step_broken", "ClientError: no")


@pytest.mark.usefixtures("aws")
def test_a_retraining_whose_first_step_broke_is_told_too() -> None:
    people = People()
    event = {"execution": "me", "state": {"error": {"Error": "InvalidMessage", "Cause": json.dumps({"a": 1})}}}
    assert telling(people)(event, None) == {"verdict": "failed", "message": 'InvalidMessage: {"a": 1}'}
    assert people.heard[0][0] == "Nunchi training: me failed"


def test_every_verdict_has_words_and_a_next_command() -> None:
    for verdict in Verdict:
        run = TRAINING if verdict is Verdict.PROMOTED else None
        subject, text = message(outcome(verdict, run=run), weights_bucket="weights")
        assert subject == f"Nunchi training {TRAINING}: {verdict}"
        assert "\nNext: " in text
