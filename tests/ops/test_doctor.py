"""`nunchi doctor`: what each finding says, what it tells to do, and that one blind check blinds no other."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from moto import mock_aws
from typer.testing import CliRunner

from contracts.instants import from_text, now
from contracts.messages import Model, WorkerState, WorkerStatus
from contracts.names import Reference, new_image_id
from infra.config import Alarms, Config, Hours, Mode, Queue
from ops import doctor_checks as checks
from ops import doctor_photos as photos
from ops.__main__ import app
from ops.doctor import Check, Finding, Patient, State, examine, status_of
from ops.doctor_command import Exit, doctor, show
from ops.doctor_photos import MOST_LISTED
from tests.fakes import MODEL

NOON = from_text("2026-11-23T03:00:00Z")  # a Monday in Seoul, and the shop is open
NIGHT = from_text("2026-11-23T15:00:00Z")
CONFIG = Config(alarms=Alarms(email="shop@example.com"))
TOPIC = "arn:aws:sns:ap-northeast-2:111122223333:Topic"
URL = "https://sqs.ap-northeast-2.amazonaws.com/111122223333/"
Answer = dict[str, Any] | Exception | Callable[..., dict[str, Any]]


def refused(operation: str, code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def dated(at: datetime) -> dict[str, Any]:
    return {"HTTPHeaders": {"date": format_datetime(at, usegmt=True)}}


def status(state: WorkerState = WorkerState.READY, model: Model = MODEL) -> dict[str, Any]:
    return {"payload": WorkerStatus("i-1", state, model, NOON).to_json().encode()}


def instances(**states: str) -> dict[str, Any]:
    return {
        "Reservations": [
            {"Instances": [{"InstanceId": name.replace("_", "-"), "State": {"Name": state}}]}
            for name, state in states.items()
        ]
    }


def stack(StackName: str, state: str = "CREATE_COMPLETE") -> dict[str, Any]:
    outputs = {
        "NunchiPipeline": {
            "ImagesBucket": "images",
            "UploadQueueUrl": f"{URL}Uploads",
            "DeadQueueUrl": f"{URL}NunchiPipeline-UploadsDead",
            "KioskPolicyName": "Kiosk",
            "WorkerPolicyName": "Worker",
            "DispatchFunctionName": "dispatch",
        },
        "NunchiHealth": {"AlarmTopicArn": TOPIC},
    }.get(StackName, {})
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    return {"Stacks": [{"StackStatus": state, "Outputs": listed}]}


def depth(waiting: int = 0, in_hand: int = 0) -> dict[str, Any]:
    return {
        "Attributes": {
            "ApproximateNumberOfMessages": str(waiting),
            "ApproximateNumberOfMessagesNotVisible": str(in_hand),
        }
    }


class Aws:
    """AWS in perfect health at noon, but for what a test says: operation → its answer, its error, or who answers."""

    def __init__(self, **changed: Answer) -> None:
        healthy: dict[str, Answer] = {
            "get_caller_identity": {
                "Account": "111122223333",
                "Arn": "arn:aws:iam::111122223333:user/mina",
                "ResponseMetadata": dated(NOON),
            },
            "describe_stacks": stack,
            "describe_instances": instances(i_1="running"),
            "get_parameter": {"Parameter": {"Value": "i-1"}},
            "describe_instance_information": {
                "InstanceInformationList": [{"InstanceId": "i-1", "PingStatus": "Online"}]
            },
            "get_retained_message": status(),
            "get_queue_attributes": depth(),
            "list_queues": {"QueueUrls": [f"{URL}NunchiPipeline-UploadsDead", f"{URL}NunchiHealth-WatchDead"]},
            "get_metric_statistics": {"Datapoints": []},
            "list_targets_for_policy": {"targets": ["arn:1"]},
            "list_certificates": {
                "certificates": [
                    {"certificateArn": "arn:1", "status": "ACTIVE", "creationDate": NOON - timedelta(days=41)}
                ]
            },
            "describe_alarms": {"MetricAlarms": [{"AlarmName": "nunchi-disk-full", "StateValue": "OK"}]},
            "list_schedules": {
                "Schedules": [
                    {"Name": "NunchiCompute-Start", "State": "ENABLED"},
                    {"Name": "NunchiHealth-Watch", "State": "ENABLED"},
                ]
            },
            "list_subscriptions_by_topic": {
                "Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1", "Endpoint": "shop@example.com"}]
            },
        }
        self.answers = healthy | changed

    def __call__(self, _service: str) -> Aws:
        return self

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        answer = self.answers[operation]

        def call(**parameters: Any) -> dict[str, Any]:
            if isinstance(answer, Exception):
                raise answer
            return answer(**parameters) if callable(answer) else answer

        return call


def patient(
    changed: dict[str, Answer] | None = None,
    *,
    at: datetime = NOON,
    config: Config = CONFIG,
    shell_region: str | None = None,
) -> Patient:
    return Patient(Aws(**changed or {}), config=config, shell_region=shell_region, clock=lambda: at)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (checks.clock, "right"),
        (checks.credentials, "account 111122223333, user/mina"),
        (checks.region, "ap-northeast-2"),
        (checks.stacks, "NunchiPipeline, NunchiCompute, NunchiHealth deployed"),
        (checks.compute, "i-1 running, as it should be"),
        (checks.agent, "i-1 online"),
        (checks.worker, "i-1 ready"),
        (checks.model, "fake 1 (000000000000)"),
        (checks.queue, "0 wait, 0 in hand"),
        (checks.dead_letters, "none, in 2 queues"),
        (checks.certificate_ages, "1 in use, the oldest 41 days old"),
        (checks.alarms, "1, none sounds"),
        (checks.schedules, "2 on; the next start is Tue 24 Nov 07:50 Asia/Seoul"),
        (checks.mail, "shop@example.com is told"),
    ],
)
def test_what_is_well_is_said_in_a_line(check: Check, text: str) -> None:
    found = check(patient())
    assert (found.state, found.text, found.remedy) == (State.WELL, text, "")


def ill(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, State.ILL, text, remedy)


def attention(check: str, text: str, remedy: str = "") -> Finding:
    return Finding(check, State.ATTENTION, text, remedy)


OLD = {"certificateArn": "arn:1", "status": "ACTIVE", "creationDate": NOON - timedelta(days=400)}
MANY = Config(mode=Mode.QUEUE, queue=Queue(least=2))
RECEIVE = "aws sqs receive-message --max-number-of-messages 10 --queue-url "


@pytest.mark.parametrize(
    ("check", "changed", "expected"),
    [
        (
            checks.clock,
            {"get_caller_identity": {"ResponseMetadata": dated(NOON - timedelta(seconds=95))}},
            ill("clock", "this machine is 95 s ahead of AWS", "sudo timedatectl set-ntp true"),
        ),
        (
            # A clock that is off by five minutes: AWS refuses the signature, and its refusal has a date.
            checks.clock,
            {
                "get_caller_identity": ClientError(
                    {
                        "Error": {"Code": "SignatureDoesNotMatch", "Message": ""},
                        "ResponseMetadata": dated(NOON + timedelta(minutes=6)),  # type: ignore[typeddict-item]
                    },
                    "GetCallerIdentity",
                )
            },
            ill("clock", "this machine is 360 s behind AWS", "sudo timedatectl set-ntp true"),
        ),
        (
            checks.stacks,
            {"describe_stacks": refused("DescribeStacks", "ValidationError", "Stack NunchiPipeline does not exist")},
            ill(
                "stacks",
                "NunchiPipeline not deployed, NunchiCompute not deployed, NunchiHealth not deployed",
                "cdk deploy --all",
            ),
        ),
        (
            checks.stacks,
            {"describe_stacks": lambda StackName: stack(StackName, "UPDATE_ROLLBACK_COMPLETE")},
            attention(
                "stacks",
                "the last update was taken back: NunchiPipeline UPDATE_ROLLBACK_COMPLETE, "
                "NunchiCompute UPDATE_ROLLBACK_COMPLETE, NunchiHealth UPDATE_ROLLBACK_COMPLETE",
                "cdk deploy --all",
            ),
        ),
        (
            checks.compute,
            {"describe_instances": instances(i_1="stopped")},
            ill("compute", "i-1 stopped; 1 should run now", "aws ec2 start-instances --instance-ids i-1"),
        ),
        (
            checks.compute,
            {"describe_instances": instances()},
            ill("compute", "no instance; 1 should run now", "cdk deploy NunchiCompute"),
        ),
        (
            # The stack's parameter was not written, and dispatch sends to an instance that is gone.
            checks.compute,
            {"get_parameter": {"Parameter": {"Value": "i-0"}}},
            ill("compute", "i-1 running, but photos are sent to i-0", "cdk deploy NunchiCompute"),
        ),
        (
            checks.agent,
            {"describe_instance_information": {"InstanceInformationList": []}},
            ill(
                "agent",
                "Systems Manager does not reach i-1; after a start that takes two minutes",
                "aws ec2 reboot-instances --instance-ids i-1",
            ),
        ),
        (
            checks.worker,
            {"get_retained_message": status(WorkerState.OFFLINE)},
            ill("worker", "i-1 offline", "aws logs tail /nunchi/worker --since 30m"),
        ),
        (
            checks.worker,
            {"get_retained_message": refused("GetRetainedMessage", "ResourceNotFoundException")},
            ill("worker", "i-1 never said anything", "aws logs tail /nunchi/worker --since 30m"),
        ),
        (
            checks.queue,
            {
                "get_queue_attributes": depth(7, 3),
                "get_metric_statistics": {
                    "Datapoints": [
                        {"Timestamp": NOON, "Maximum": 240.0},
                        {"Timestamp": NOON - timedelta(minutes=1), "Maximum": 5.0},
                    ]
                },
            },
            ill(
                "queue",
                "7 wait, 3 in hand, the oldest for 240 s",
                "aws lambda get-function-concurrency --function-name dispatch",
            ),
        ),
        (
            checks.dead_letters,
            {
                "get_queue_attributes": lambda QueueUrl, AttributeNames: depth(  # noqa: ARG005
                    2 if "Watch" in QueueUrl else 0
                )
            },
            ill("dead letters", "2 in NunchiHealth-WatchDead", f"{RECEIVE}{URL}NunchiHealth-WatchDead"),
        ),
        (
            checks.certificate_ages,
            {"list_certificates": {"certificates": [OLD]}},
            attention("certificates", "1 in use, the oldest 400 days old; renew after 365", "nunchi kiosk list"),
        ),
        (
            checks.certificate_ages,
            {"list_certificates": {"certificates": []}},
            attention("certificates", "none yet: no kiosk can connect", "nunchi kiosk add NAME"),
        ),
        (
            checks.alarms,
            {
                "describe_alarms": {
                    "MetricAlarms": [
                        {
                            "AlarmName": "nunchi-disk-full",
                            "StateValue": "ALARM",
                            "AlarmDescription": "It is full. First: du -xh /",
                        },
                        {
                            "AlarmName": "nunchi-worker-not-ready",
                            "StateValue": "ALARM",
                            "AlarmDescription": "It is not. First: nunchi doctor",
                        },
                        {"AlarmName": "nunchi-labels-slow", "StateValue": "OK"},
                    ]
                }
            },
            ill("alarms", "nunchi-disk-full, nunchi-worker-not-ready", "du -xh /"),
        ),
        (
            checks.alarms,
            {"describe_alarms": {"MetricAlarms": []}},
            attention("alarms", "there are none: nobody is told", "cdk deploy NunchiHealth"),
        ),
        (
            checks.schedules,
            {"list_schedules": {"Schedules": [{"Name": "NunchiCompute-Start", "State": "DISABLED"}]}},
            ill("schedules", "switched off: NunchiCompute-Start", "cdk deploy --all, or the console"),
        ),
        (
            checks.schedules,
            {"list_schedules": {"Schedules": [{"Name": "NunchiHealth-Watch", "State": "ENABLED"}]}},
            ill("schedules", "nothing opens the shop", "cdk deploy NunchiCompute"),
        ),
        (
            checks.mail,
            {
                "list_subscriptions_by_topic": {
                    "Subscriptions": [{"SubscriptionArn": "PendingConfirmation", "Endpoint": "shop@example.com"}]
                }
            },
            ill(
                "mail",
                "shop@example.com has not confirmed: the link in AWS's mail, or a new one",
                f"aws sns subscribe --topic-arn {TOPIC} --protocol email --notification-endpoint shop@example.com",
            ),
        ),
        (
            checks.mail,
            {"list_subscriptions_by_topic": {"Subscriptions": []}},
            ill("mail", "shop@example.com is not subscribed", "cdk deploy NunchiHealth"),
        ),
    ],
)
def test_what_is_not_well_comes_with_a_remedy(check: Check, changed: dict[str, Answer], expected: Finding) -> None:
    assert check(patient(changed)) == expected


def test_a_shell_of_another_region_is_told_so() -> None:
    """The commands that doctor suggests would go there."""
    assert checks.region(patient(shell_region="us-east-1")) == attention(
        "region",
        "ap-northeast-2 in nunchi.toml, us-east-1 in this shell: commands of the AWS CLI go elsewhere",
        "export AWS_REGION=ap-northeast-2",
    )


def test_without_an_address_nobody_is_told() -> None:
    assert checks.mail(patient(config=Config())) == attention(
        "mail", "nobody is told of alarms", "email in nunchi.toml, then cdk deploy NunchiHealth"
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("stopped", Finding("compute", State.WELL, "i-1 stopped; the shop is closed")),
        (
            "running",
            attention(
                "compute",
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
        (NOON, Config(hours=Hours(closed_dates=(date(2026, 11, 23),)))),
    ],
)
def test_at_night_and_on_holidays_nothing_should_run(
    at: datetime, config: Config, state: str, expected: Finding
) -> None:
    assert checks.compute(patient({"describe_instances": instances(i_1=state)}, at=at, config=config)) == expected


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
        patient(
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
    frozen = Patient(Aws(), config=CONFIG, local=True, sockets={"i-1": tmp_path / "nobody"}, clock=lambda: NOON)
    assert checks.worker(frozen) == ill(
        "worker", "i-1 ready, but i-1 does not answer", "nunchi down && nunchi up --detach"
    )


def test_remedies_here_are_for_the_cloud_that_was_looked_at() -> None:
    """There may be another one in the usual folder."""
    offline = Patient(
        Aws(get_retained_message=status(WorkerState.OFFLINE)),
        config=CONFIG,
        local=True,
        nunchi="nunchi {} --state /tmp/2".format,
    )
    assert checks.worker(offline) == ill(
        "worker",
        "i-1 offline; the cloud starts it again by itself",
        "nunchi down --state /tmp/2 && nunchi up --detach --state /tmp/2",
    )


def test_with_no_instance_there_is_no_worker_to_be_ill() -> None:
    """The check `compute` says whether that is right."""
    closed = patient({"describe_instances": instances(i_1="stopped")}, at=NIGHT)
    assert [check(closed).text for check in (checks.agent, checks.worker, checks.model)] == [
        "no instance runs",
        "no instance runs",
        "no instance runs",
    ]


def test_a_worker_that_is_not_ready_can_not_be_asked_for_its_model() -> None:
    """What it served once is not what is in service."""
    offline = patient({"get_retained_message": status(WorkerState.OFFLINE)})
    assert list(examine(offline, {"model": checks.model})) == [
        Finding("model", State.UNSEEN, "can't look: no worker is ready")
    ]


def test_workers_that_serve_different_models_are_told() -> None:
    models = iter([MODEL, Model("yolo", "7", "f" * 64)])
    found = checks.model(
        patient(
            {
                "describe_instances": instances(i_1="running", i_2="running"),
                "get_retained_message": lambda topic: status(model=next(models)),  # noqa: ARG005
            }
        )
    )
    assert found == attention(
        "model", "workers differ, as during a rollout: fake 1 (000000000000), yolo 7 (ffffffffffff)"
    )


def test_photos_of_the_night_may_wait_in_the_queue() -> None:
    found = checks.queue(patient({"get_queue_attributes": depth(9)}, at=NIGHT))
    assert (found.state, found.text) == (State.WELL, "9 wait, 0 in hand; the shop is closed")


EVERY: dict[str, Check] = {"worker": checks.worker, "queue": checks.queue, "alarms": checks.alarms}


def test_a_check_that_may_not_look_says_what_it_may_not_and_the_next_ones_go_on() -> None:
    found = list(
        examine(
            patient(
                {
                    "get_retained_message": refused("GetRetainedMessage", "AccessDeniedException"),
                    "get_queue_attributes": refused("GetQueueAttributes", "Throttling", "Rate exceeded"),
                }
            ),
            EVERY,
        )
    )
    assert found == [
        Finding("worker", State.UNSEEN, "can't look: you may not GetRetainedMessage"),
        Finding("queue", State.UNSEEN, "can't look: GetQueueAttributes answers Throttling: Rate exceeded"),
        Finding("alarms", State.WELL, "1, none sounds"),
    ]
    assert status_of(found) == 0


def test_without_credentials_a_check_says_so() -> None:
    [found] = examine(patient({"get_caller_identity": NoCredentialsError()}), {"credentials": checks.credentials})
    assert found == Finding(
        "credentials",
        State.UNSEEN,
        "can't look: Unable to locate credentials",
        "log in, as with aws sso login",
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
    [found] = examine(patient({"get_caller_identity": error}), {"credentials": checks.credentials})
    assert (found.state, found.remedy, "\n" in found.text) == (State.UNSEEN, expected, False)


def test_what_a_missing_stack_would_have_told_can_not_be_looked_at() -> None:
    """And the remedy is that stack."""
    gone = refused("DescribeStacks", "ValidationError", "Stack with id NunchiPipeline does not exist")
    [found] = examine(patient({"describe_stacks": gone}), {"queue": checks.queue})
    assert found == Finding(
        "queue", State.UNSEEN, "can't look: NunchiPipeline is not deployed", "cdk deploy NunchiPipeline"
    )


def test_one_thing_ill_is_exit_status_1() -> None:
    well, sick = Finding("a", State.WELL, ""), Finding("b", State.ILL, "")
    assert (status_of([well]), status_of([well, sick, well])) == (0, 1)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3 as moto plays it, with the images bucket."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
        yield s3


def of_bucket(s3: Any, *, at: datetime | None = None, hours: Hours | None = None, **more: Any) -> Patient:
    """A patient whose S3 is moto's."""
    always = Hours.model_validate({"windows": ["00:00-24:00"]})
    return Patient(
        lambda service: s3 if service == "s3" else Aws(),
        config=Config(hours=hours or always),
        clock=(lambda: at) if at else now,
        **more,
    )


def put(s3: Any, key: str) -> None:
    s3.put_object(Bucket="images", Key=key, Body=b"x")


class AnHourAgo:
    """moto's S3, where all was written an hour earlier: moto knows no other time than now."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def list_objects_v2(self, **parameters: Any) -> Any:
        answer = self.s3.list_objects_v2(**parameters)
        for one in answer.get("Contents", []):
            one["LastModified"] -= timedelta(hours=1)
        return answer


def test_an_upload_without_a_result_is_ill_after_five_minutes(bucket: Any) -> None:
    """Those with one are not; what is no upload's key is none."""
    answered, lost = (Reference("demo", new_image_id(now() + timedelta(seconds=n))) for n in (0, 1))
    for key in (answered.upload_key, answered.result_key, lost.upload_key, "uploads/holiday.jpg", "results/x"):
        put(bucket, key)
    assert photos.uploads(of_bucket(AnHourAgo(bucket))) == ill(
        "uploads",
        "1 without a result for more than five minutes",
        "aws logs tail /nunchi/worker --since 30m --filter-pattern sweep",
    )


def test_a_cloud_on_this_machine_has_its_logs_in_a_folder(bucket: Any, tmp_path: Path) -> None:
    put(bucket, Reference("demo", new_image_id(now())).upload_key)
    folder = tmp_path / "my logs"
    found = photos.uploads(of_bucket(AnHourAgo(bucket), local=True, logs=folder))
    assert found.remedy == f"tail -n 50 '{folder}'/worker*.log"


def test_uploads_that_just_came_are_no_illness(bucket: Any) -> None:
    put(bucket, Reference("demo", new_image_id(now())).upload_key)
    assert photos.uploads(of_bucket(bucket)) == Finding(
        "uploads", State.WELL, "none waits for a result longer than five minutes"
    )


class Endless:
    """A bucket with more uploads than anybody lists, each without a result, a thousand a page."""

    def __init__(self) -> None:
        self.pages = 0

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:
        if Prefix != "uploads/":
            return {}
        self.pages += 1
        at = NOON - timedelta(days=1)
        keys = [Reference("demo", new_image_id(at + timedelta(seconds=n + 1000 * self.pages))) for n in range(1000)]
        return {
            "Contents": [{"Key": one.upload_key, "LastModified": at} for one in keys],
            "IsTruncated": True,
            "NextContinuationToken": "more",
        }


def test_a_look_at_uploads_ends_and_says_that_it_did_not_see_all() -> None:
    endless = Endless()
    found = photos.uploads(of_bucket(endless))
    assert endless.pages == MOST_LISTED // 1000
    assert found.text == f"{MOST_LISTED - 1} of the first {MOST_LISTED} without a result for more than five minutes"


def test_uploads_of_a_closed_shop_wait_for_its_start() -> None:
    found = photos.uploads(of_bucket(Endless(), at=NIGHT, hours=Hours()))
    assert (found.state, found.text.endswith("; the next start finds them")) == (State.WELL, True)


def test_the_last_label_is_the_newest_result_of_any_kiosk(bucket: Any) -> None:
    """Written now, by moto; of kiosks whose older results nobody lists."""
    for kiosk, ago in (("a", timedelta(days=30)), ("b", timedelta(days=2)), ("c", timedelta(minutes=5))):
        put(bucket, Reference(kiosk, new_image_id(now() - ago)).result_key)
    found = photos.last_label(of_bucket(bucket))
    assert (found.state, found.text.partition(" ago, ")[2]) == (State.WELL, "kiosk c")
    later = photos.last_label(of_bucket(bucket, at=now() + timedelta(days=3)))
    assert later.text == "3 days ago, kiosk c"


def test_a_week_without_a_label_needs_attention(bucket: Any) -> None:
    put(bucket, Reference("a", new_image_id(now() - timedelta(days=30))).result_key)
    assert photos.last_label(of_bucket(bucket)) == attention(
        "last label", "none in a week", "nunchi kiosk list; is a kiosk on, and does it upload?"
    )


def test_a_person_sees_a_mark_a_sentence_and_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    show(ill("worker", "i-1 [offline]", "aws logs tail /nunchi/worker"))
    show(Finding("clock", State.WELL, "right"))
    assert capsys.readouterr().out == (
        "✗ worker       i-1 [offline]\n               → aws logs tail /nunchi/worker\n✓ clock        right\n"
    )


def test_the_exit_statuses_are_documented() -> None:
    """Each number of the code is in the help, and no other."""
    documented = inspect.cleandoc(doctor.__doc__ or "").split("Exit status:")[1].split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} == set(Exit)


def test_settings_that_are_wrong_are_the_first_finding_and_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a region there is nowhere to look."""
    mistaken = tmp_path / "nunchi.toml"
    mistaken.write_text('region = "seoul"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(mistaken))
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 2
    [line] = told.stdout.splitlines()
    fields = json.loads(line)
    assert (fields["check"], fields["state"], fields["remedy"]) == ("settings", "ill", "nunchi config check")
    assert "'seoul' is not an AWS region" in fields["text"]


def test_a_local_cloud_that_is_down_can_not_be_looked_at(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["doctor", "--local", "--json", "--state", str(tmp_path)])
    assert told.exit_code == 2
    assert "nothing is up in" in json.loads(told.stdout)["text"]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "NUNCHI_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("nobody")
def test_without_credentials_nothing_else_is_asked() -> None:
    """Sixteen times the same sentence would help nobody."""
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 2
    assert [json.loads(line)["check"] for line in told.stdout.splitlines()] == ["settings", "clock", "credentials"]


@pytest.mark.usefixtures("nobody")
def test_a_profile_that_there_is_not_is_the_first_finding_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert (told.exit_code, json.loads(told.stdout)) == (
        2,
        Finding(
            "credentials",
            State.UNSEEN,
            "can't look: The config profile (elsewhere) could not be found",
            "aws configure list-profiles",
        ).fields(),
    )


def test_days_with_hours_of_their_own_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when all of them have."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text('[hours]\nwindows = []\n[hours.days]\nsaturday = ["10:00-18:00"]\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    with mock_aws():
        told = CliRunner().invoke(app, ["doctor", "--json"])
    assert json.loads(told.stdout.splitlines()[0])["text"] == (
        "mode command, monday to friday closed, saturday 10:00-18:00, sunday closed; Asia/Seoul"
    )
