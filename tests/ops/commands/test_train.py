"""`nunchi train`: what is started, what is told, how it ends. The state machine is stood in for by its API alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner

from contracts.training import OUTCOME, TrainingOutcome, Verdict, training_id, training_key
from ops.commands.train import TrainError, train

PIPELINE = {"Resources": {"B": {"Type": "AWS::S3::Bucket"}}, "Outputs": {"DatasetBucket": {"Value": "dataset"}}}
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
ROLE = "arn:aws:iam::123456789012:role/states"


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(train)
    return made


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An account in which both stacks are deployed; the client of its Step Functions."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        region: Any = "ap-northeast-2"
        states = boto3.client("stepfunctions", region_name=region)
        cloudformation = boto3.client("cloudformation", region_name=region)
        machine = states.create_state_machine(name="nunchi-training", definition=DEFINITION, roleArn=ROLE)
        boto3.client("s3", region_name=region).create_bucket(
            Bucket="dataset", CreateBucketConfiguration={"LocationConstraint": region}
        )
        cloudformation.create_stack(StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE))
        training = PIPELINE | {"Outputs": {"StateMachineArn": {"Value": machine["stateMachineArn"]}}}
        cloudformation.create_stack(StackName="NunchiTraining", TemplateBody=json.dumps(training))
        yield states


def test_it_starts_an_execution_and_says_its_id(aws: Any, app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["--detach", "--json", "--least-new-labels", "7"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    execution = aws.describe_execution(executionArn=told["execution"])
    assert json.loads(execution["input"]) == {"least_new_labels": 7}
    assert told["training"] == training_id(execution["startDate"], execution["name"])


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.KEPT, 0), (Verdict.SKIPPED, 0), (Verdict.FAILED, 1)])
def test_it_follows_to_the_outcome_and_ends_likewise(
    aws: Any, app: typer.Typer, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, status: int
) -> None:
    began = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    training = training_id(began, "an-execution")

    def ended(**_: Any) -> dict[str, Any]:
        """The execution is over when it is asked after, and its outcome there."""
        return {"status": "SUCCEEDED", "startDate": began, "name": "an-execution"}

    outcome = TrainingOutcome(
        training=training,
        verdict=verdict,
        rule="a_rule",
        reason="Because.",
        run=None,
        incumbent=None,
        report=None,
        ended_at=datetime(2026, 11, 22, 4, tzinfo=UTC),
    )
    boto3.client("s3", region_name="ap-northeast-2").put_object(
        Bucket="dataset", Key=training_key(training, OUTCOME), Body=outcome.to_json().encode()
    )
    monkeypatch.setattr("ops.session.clients", lambda region: with_answer(region, ended))
    done = CliRunner().invoke(app, ["--json"])
    assert (done.exit_code, json.loads(done.stdout.splitlines()[-1])) == (status, json.loads(outcome.to_json()))
    assert aws is not None


def with_answer(region: str, answer: Any) -> Any:
    """Clients of moto, but for how an execution is."""

    def client(service: str) -> Any:
        make: Callable[..., Any] = boto3.client  # its types know a service by a literal name only
        made = make(service, region_name=region)
        if service == "stepfunctions":
            made.describe_execution = answer
        return made

    return client


def test_without_the_stack_it_says_what_to_deploy(aws: Any, app: typer.Typer) -> None:
    boto3.client("cloudformation", region_name="ap-northeast-2").delete_stack(StackName="NunchiTraining")
    done = CliRunner().invoke(app, [])
    assert isinstance(done.exception, TrainError)
    assert str(done.exception) == (
        "NunchiTraining is not deployed there, so nothing can train; first: cdk deploy NunchiTraining"
    )
    assert aws.list_state_machines()["stateMachines"]
