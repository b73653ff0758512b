"""AWS as `nunchi doctor` finds it: well, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from botocore.exceptions import ClientError

from config.mode import Mode
from config.nunchi_toml import Config
from config.sections import AlarmSettings, QueueSettings
from contracts.instants import from_text
from contracts.messages import Model, WorkerState, WorkerStatus
from ops.doctor.examination import Deployment
from tests.fakes import MODEL

NOON = from_text("2026-11-23T03:00:00Z")  # a Monday in Seoul, and the shop is open
NIGHT = from_text("2026-11-23T15:00:00Z")
CONFIG = Config(alarms=AlarmSettings(email="shop@example.com"))
TOPIC = "arn:aws:sns:ap-northeast-2:111122223333:Topic"
URL = "https://sqs.ap-northeast-2.amazonaws.com/111122223333/"
Answer = dict[str, Any] | Exception | Callable[..., dict[str, Any]]


def refused(operation: str, code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def dated(at: datetime) -> Any:
    """A part of an answer's metadata."""
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

    def get_paginator(self, operation: str) -> Pages:
        return Pages(getattr(self, operation))


class Pages:
    """A paginator whose answers are one page."""

    def __init__(self, operation: Callable[..., dict[str, Any]]) -> None:
        self.operation = operation

    def paginate(self, **parameters: Any) -> list[dict[str, Any]]:
        return [self.operation(**parameters)]


def deployment(
    changed: dict[str, Answer] | None = None,
    *,
    at: datetime = NOON,
    config: Config = CONFIG,
    shell_region: str | None = None,
) -> Deployment:
    return Deployment(Aws(**changed or {}), config=config, shell_region=shell_region, now=lambda: at)


OLD = {"certificateArn": "arn:1", "status": "ACTIVE", "creationDate": NOON - timedelta(days=400)}
MANY = Config(mode=Mode.QUEUE, queue=QueueSettings(least=2))
