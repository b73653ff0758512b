"""`nunchi doctor`: findings that depend on each other, on the hour or on what AWS lets it see."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError

from config.nunchi_toml import Config
from config.sections import HoursSettings
from contracts.messages import Model, WorkerState
from ops.doctor import checks
from ops.doctor.examination import Check, Deployment, Finding, Result, State, attention, examine, ill, status_of, well
from tests.fakes import MODEL
from tests.ops.doctor.deployments import (
    CONFIG,
    MANY,
    NIGHT,
    NOON,
    Aws,
    deployment,
    depth,
    instances,
    refused,
    status,
)


def test_a_shell_of_another_region_is_told_so() -> None:
    """The commands that doctor suggests would go there."""
    assert checks.region(deployment(shell_region="us-east-1")) == attention(
        "ap-northeast-2 in nunchi.toml, us-east-1 in this shell: commands of the AWS CLI use the latter",
        "export AWS_REGION=ap-northeast-2",
    )


def test_without_an_address_nobody_is_told() -> None:
    assert checks.mail(deployment(config=Config())) == attention(
        "no address for alarms", "email in nunchi.toml, then cdk deploy NunchiHealth"
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("stopped", well("i-1 stopped; the shop is closed")),
        (
            "running",
            attention(
                "i-1 running, though the shop is closed; the lease stops it within the hour",
                "aws ec2 stop-instances --instance-ids i-1",
            ),
        ),
    ],
)
@pytest.mark.parametrize(
    ("at", "config"),
    [
        (NIGHT, CONFIG),
        # A holiday at noon.
        (NOON, Config(hours=HoursSettings(closed_dates=(date(2026, 11, 23),)))),
    ],
)
def test_at_night_and_on_holidays_nothing_should_run(
    at: datetime, config: Config, state: str, expected: Result
) -> None:
    assert checks.compute(deployment({"describe_instances": instances(i_1=state)}, at=at, config=config)) == expected


@pytest.mark.parametrize(
    ("running", "state", "text"),
    [
        ({"i_1": "running", "i_2": "running"}, State.WELL, "i-1 running, i-2 running, as it should be"),
        ({"i_1": "running", "i_2": "stopped"}, State.ILL, "i-1 running, i-2 stopped; 2 should run now"),
    ],
)
def test_a_group_has_at_least_as_many_as_the_operator_said(running: dict[str, str], state: State, text: str) -> None:
    """And nobody asks for the parameter of mode command."""
    found = checks.compute(
        deployment(
            {
                "describe_instances": instances(**running),
                "get_parameter": refused("GetParameter", "ParameterNotFound"),
            },
            config=MANY,
        )
    )
    assert (found.state, found.text) == (state, text)


def test_a_worker_here_that_says_it_is_ready_and_does_not_answer_is_ill(tmp_path: Path) -> None:
    """As one that was stopped in its tracks: the broker here does not miss it."""
    frozen = Deployment(Aws(), config=CONFIG, local=True, sockets={"i-1": tmp_path / "nobody"}, now=lambda: NOON)
    assert checks.worker(frozen) == ill("i-1 ready, but i-1 does not answer", "nunchi down && nunchi up --detach")


def test_remedies_here_are_for_the_cloud_that_was_looked_at() -> None:
    """There may be another one in the usual folder."""
    offline = Deployment(
        Aws(get_retained_message=status(WorkerState.OFFLINE)),
        config=CONFIG,
        local=True,
        nunchi="nunchi {} --state /tmp/2".format,
    )
    assert checks.worker(offline) == ill(
        "i-1 offline; the cloud restarts it",
        "nunchi down --state /tmp/2 && nunchi up --detach --state /tmp/2",
    )


def test_with_no_instance_there_is_no_worker_to_be_ill() -> None:
    """The check `compute` says whether that is right."""
    closed = deployment({"describe_instances": instances(i_1="stopped")}, at=NIGHT)
    assert [check(closed).text for check in (checks.agent, checks.worker, checks.model)] == [
        "no instance runs",
        "no instance runs",
        "no instance runs",
    ]


def test_a_worker_that_is_not_ready_can_not_be_asked_for_its_model() -> None:
    """What it served once is not what is in service."""
    offline = deployment({"get_retained_message": status(WorkerState.OFFLINE)})
    assert list(examine(offline, {"model": checks.model})) == [
        Finding("model", State.UNSEEN, "can't check: no worker is ready")
    ]


def test_workers_that_serve_different_models_are_told() -> None:
    models = iter([MODEL, Model("yolo", "7", "f" * 64)])
    found = checks.model(
        deployment(
            {
                "describe_instances": instances(i_1="running", i_2="running"),
                "get_retained_message": lambda topic: status(model=next(models)),  # noqa: ARG005
            }
        )
    )
    assert found == attention("workers differ, as during a rollout: fake 1 (000000000000), yolo 7 (ffffffffffff)")


def test_photos_of_the_night_may_wait_in_the_queue() -> None:
    found = checks.queue(deployment({"get_queue_attributes": depth(9)}, at=NIGHT))
    assert (found.state, found.text) == (State.WELL, "9 waiting, 0 in flight; the shop is closed")


EVERY: dict[str, Check] = {"worker": checks.worker, "queue": checks.queue, "alarms": checks.alarms}


def test_a_check_that_may_not_look_says_what_it_may_not_and_the_next_ones_go_on() -> None:
    found = list(
        examine(
            deployment(
                {
                    "get_retained_message": refused("GetRetainedMessage", "AccessDeniedException"),
                    "get_queue_attributes": refused("GetQueueAttributes", "Throttling", "Rate exceeded"),
                }
            ),
            EVERY,
        )
    )
    assert found == [
        Finding("worker", State.UNSEEN, "can't check: your credentials may not call GetRetainedMessage"),
        Finding("queue", State.UNSEEN, "can't check: GetQueueAttributes answers Throttling: Rate exceeded"),
        Finding("alarms", State.WELL, "1, none fires"),
    ]
    assert status_of(found) == 0


def test_without_credentials_a_check_says_so() -> None:
    [found] = examine(deployment({"get_caller_identity": NoCredentialsError()}), {"credentials": checks.credentials})
    assert found == Finding(
        "credentials",
        State.UNSEEN,
        "can't check: this shell has no AWS credentials",
        "log in, as with aws sso login, or aws configure",
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            EndpointConnectionError(endpoint_url="https://sts"),
            "is this machine on the Internet, and is ap-northeast-2 a region of AWS?",
        ),
        (
            ResponseParserError("invalid XML received\n<html>Welcome to our hotel"),
            "a proxy, or a network that wants a login, answers instead of AWS: curl -v https://aws.amazon.com",
        ),
        (refused("GetCallerIdentity", "ExpiredToken"), "log in again, as with aws sso login"),
        (refused("GetCallerIdentity", "AccessDenied"), ""),
    ],
)
def test_who_gets_no_answer_of_aws_is_told_what_to_do(error: Exception, expected: str) -> None:
    """One line each; and the next check goes on."""
    [found] = examine(deployment({"get_caller_identity": error}), {"credentials": checks.credentials})
    assert (found.state, found.remedy, "\n" in found.text) == (State.UNSEEN, expected, False)


def test_what_a_missing_stack_would_have_told_can_not_be_looked_at() -> None:
    """And the remedy is that stack."""
    gone = refused("DescribeStacks", "ValidationError", "Stack with id NunchiPipeline does not exist")
    [found] = examine(deployment({"describe_stacks": gone}), {"queue": checks.queue})
    assert found == Finding(
        "queue", State.UNSEEN, "can't check: NunchiPipeline is not deployed", "cdk deploy NunchiPipeline"
    )
