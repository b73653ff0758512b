"""The health probe: whether workers are ready and how old certificates are, as metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contracts.errors import InvalidMessage, SettingsError
from contracts.instants import from_text, now
from contracts.messages import WorkerState, WorkerStatus
from contracts.settings import environment_of, load
from lambdas import health_probe
from lambdas.health_probe import ClosedSpans, HealthProbeSettings, Prober
from tests.fakes import MODEL

AT = from_text("2027-02-07T03:00:00.000Z")
POLICIES: dict[str, Any] = {"kiosk_policy": "Kiosk", "worker_policy": "Worker"}
ONE = HealthProbeSettings(**POLICIES, instance_parameter="/nunchi/inference-instance")
make_client: Callable[..., Any] = boto3.client  # its types know a service by a literal name only
MANY = HealthProbeSettings(**POLICIES, group="workers")


class Retained:
    """The broker's retained statuses, as IoT's data plane tells them."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}
        self.failing: str | None = None

    def says(self, instance_id: str, state: WorkerState) -> None:
        status = WorkerStatus(instance_id, state, MODEL, AT)
        self.payloads[f"nunchi/worker/{instance_id}/status"] = status.to_json().encode()

    def get_retained_message(self, *, topic: str) -> dict[str, Any]:
        code = self.failing or (None if topic in self.payloads else "ResourceNotFoundException")
        if code:
            raise ClientError({"Error": {"Code": code, "Message": topic}}, "GetRetainedMessage")
        return {"topic": topic, "payload": self.payloads[topic], "qos": 1}


class Group:
    """An Auto Scaling group's instances."""

    def __init__(self, **instances: str) -> None:
        self.instances = instances

    def describe_auto_scaling_groups(self, *, AutoScalingGroupNames: list[str]) -> dict[str, Any]:
        assert AutoScalingGroupNames == ["workers"]
        instances = [{"InstanceId": name, "LifecycleState": state} for name, state in self.instances.items()]
        return {"AutoScalingGroups": [{"Instances": instances}] if instances else []}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SSM and IoT as moto plays them."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


@pytest.fixture
def broker() -> Retained:
    return Retained()


def probing(
    broker: Retained, settings: HealthProbeSettings = ONE, *, at: datetime = AT, group: Group | None = None
) -> Prober:
    own = {"iot-data": broker, "autoscaling": group}
    return Prober(
        client=lambda service: own[service] if service in own else make_client(service),
        settings=settings,
        clock=lambda: at,
    )


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The metrics of each line that was written."""
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    return [
        {metric["Name"]: one[metric["Name"]] for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
        for one in lines
    ]


def deploy(instance_id: str = "i-1") -> None:
    boto3.client("ssm").put_parameter(Name="/nunchi/inference-instance", Value=instance_id, Type="String")


@pytest.mark.usefixtures("aws")
def test_a_ready_worker_is_a_metric(broker: Retained, capsys: pytest.CaptureFixture[str]) -> None:
    """To the letter: an alarm waits for these names under this dimension."""
    deploy()
    broker.says("i-1", WorkerState.READY)
    answer = probing(broker)({"look": "worker"}, None)
    assert answer == {"WorkerReady": 1, "WorkersReady": 1}
    assert capsys.readouterr().out == (
        '{"_aws":{"Timestamp":1801969200000,"CloudWatchMetrics":[{"Namespace":"Nunchi","Dimensions":[["Service"]],'
        '"Metrics":[{"Name":"WorkerReady","Unit":"None"},{"Name":"WorkersReady","Unit":"Count"}]}]},'
        '"Service":"watch","WorkerReady":1,"WorkersReady":1}\n'
    )


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("state", [WorkerState.STOPPING, WorkerState.OFFLINE])
def test_a_worker_that_says_anything_else_is_not_ready(
    broker: Retained, capsys: pytest.CaptureFixture[str], state: WorkerState
) -> None:
    """The broker itself says `offline` of a worker that it lost."""
    deploy()
    broker.says("i-1", state)
    probing(broker)({"look": "worker"}, None)
    assert told(capsys) == [{"WorkerReady": 0, "WorkersReady": 0}]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("payload", [None, b"", b"not JSON", b'{"schema": 99}', b'{"schema": 1, "state": "ready"}'])
def test_a_worker_that_never_said_anything_that_we_know_is_not_ready(
    broker: Retained, capsys: pytest.CaptureFixture[str], payload: bytes | None
) -> None:
    deploy()
    if payload is not None:
        broker.payloads["nunchi/worker/i-1/status"] = payload
    probing(broker)({"look": "worker"}, None)
    assert told(capsys) == [{"WorkerReady": 0, "WorkersReady": 0}]


@pytest.mark.usefixtures("aws")
def test_without_compute_nobody_is_ready(broker: Retained, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no parameter: the shop is open, and nothing was deployed that could label."""
    probing(broker)({"look": "worker"}, None)
    assert told(capsys) == [{"WorkerReady": 0, "WorkersReady": 0}]


@pytest.mark.parametrize(
    ("instances", "ready", "expected"),
    [
        ({"i-1": "InService", "i-2": "InService"}, ["i-1", "i-2"], {"WorkerReady": 1, "WorkersReady": 2}),
        ({"i-1": "InService", "i-2": "InService"}, ["i-1"], {"WorkerReady": 0, "WorkersReady": 1}),
        # Those that come, go or wait in the warm pool need not be ready.
        (
            {"i-1": "InService", "i-2": "Pending:Wait", "i-3": "Terminating:Wait", "i-4": "Warmed:Stopped"},
            ["i-1", "i-3"],
            {"WorkerReady": 1, "WorkersReady": 1},
        ),
        ({}, [], {"WorkerReady": 0, "WorkersReady": 0}),
    ],
)
def test_of_a_group_each_instance_in_service_must_be_ready(
    broker: Retained,
    capsys: pytest.CaptureFixture[str],
    instances: dict[str, str],
    ready: list[str],
    expected: dict[str, int],
) -> None:
    for instance_id in ready:
        broker.says(instance_id, WorkerState.READY)
    probing(broker, MANY, group=Group(**instances))({"look": "worker"}, None)
    assert told(capsys) == [expected]


@pytest.mark.usefixtures("aws")
def test_on_a_closed_day_nothing_is_told(broker: Retained, capsys: pytest.CaptureFixture[str]) -> None:
    """The alarm takes missing data for well; a zero would wake somebody on a holiday."""
    closed = ClosedSpans.parse("2027-02-06T23:00:00.000Z/2027-02-07T11:00:00.000Z")
    settings = HealthProbeSettings(**POLICIES, instance_parameter="/nunchi/inference-instance", closed=closed)
    assert probing(broker, settings)({"look": "worker"}, None) == {}
    assert told(capsys) == []
    probing(broker, settings, at=from_text("2027-02-07T11:00:00.000Z"))({"look": "worker"}, None)
    assert told(capsys) == [{"WorkerReady": 0, "WorkersReady": 0}]


@pytest.mark.usefixtures("aws")
def test_not_knowing_is_not_the_same_as_not_ready(broker: Retained, capsys: pytest.CaptureFixture[str]) -> None:
    """The function fails, which has an alarm of its own; the worker may be well."""
    deploy()
    broker.failing = "AccessDeniedException"
    with pytest.raises(ClientError):
        probing(broker)({"look": "worker"}, None)
    assert told(capsys) == []


def certificate(policy: str | None, *, active: bool = True) -> str:
    iot = boto3.client("iot")
    made = iot.create_keys_and_certificate(setAsActive=active)
    if policy:
        iot.attach_policy(policyName=policy, target=made["certificateArn"])
    return made["certificateArn"]


@pytest.mark.usefixtures("aws")
def test_the_oldest_certificate_of_ours_that_is_in_use_counts(
    broker: Retained, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither those of somebody else's in the account, nor those that were revoked."""
    for name in POLICIES.values():
        boto3.client("iot").create_policy(policyName=name, policyDocument="{}")
    ours = {certificate("Kiosk"), certificate("Worker")}
    certificate(None)
    certificate("Kiosk", active=False)
    assert set(health_probe.certificates(boto3.client("iot"), POLICIES.values())) == ours
    probing(broker, at=now() + timedelta(days=400))({"look": "certificates"}, None)
    [metrics] = told(capsys)
    assert list(metrics) == ["CertificateAgeDays"]
    assert 399.9 < metrics["CertificateAgeDays"] < 400.1


@pytest.mark.usefixtures("aws")
def test_without_certificates_none_is_old(broker: Retained, capsys: pytest.CaptureFixture[str]) -> None:
    for name in POLICIES.values():
        boto3.client("iot").create_policy(policyName=name, policyDocument="{}")
    probing(broker)({"look": "certificates"}, None)
    assert told(capsys) == [{"CertificateAgeDays": 0.0}]


class Pages:
    """IoT with more of everything than fits a page."""

    def list_targets_for_policy(self, *, policyName: str, pageSize: int, marker: str = "0") -> dict[str, Any]:
        assert pageSize == 250
        return self._page([f"{policyName}-{number}" for number in range(3)], "targets", int(marker))

    def list_certificates(self, *, pageSize: int, marker: str = "0") -> dict[str, Any]:
        assert pageSize == 250
        every = [
            {"certificateArn": f"{policy}-{number}", "status": "ACTIVE", "creationDate": AT - timedelta(days=number)}
            for policy in ("Kiosk", "Worker", "Other")
            for number in range(3)
        ]
        return self._page(every, "certificates", int(marker))

    @staticmethod
    def _page(every: list[Any], what: str, start: int) -> dict[str, Any]:
        more = {"nextMarker": str(start + 2)} if start + 2 < len(every) else {}
        return {what: every[start : start + 2]} | more


def test_every_page_of_certificates_is_read() -> None:
    assert health_probe.certificates(Pages(), ["Kiosk", "Worker"]) == {
        f"{policy}-{number}": AT - timedelta(days=number) for policy in ("Kiosk", "Worker") for number in range(3)
    }


@pytest.mark.parametrize("event", [{}, {"look": "moon"}, {"look": None}, []])
def test_a_look_that_it_does_not_know_is_refused(broker: Retained, event: Any) -> None:
    """A schedule that asks for nothing would look like a shop without alarms."""
    with pytest.raises(InvalidMessage, match="is unknown, nothing was probed"):
        probing(broker)(event, None)


@pytest.mark.parametrize("who", [{}, {"instance_parameter": "/a", "group": "b"}])
def test_either_an_instance_or_a_group_is_probed(who: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="either NUNCHI_INSTANCE_PARAMETER or NUNCHI_GROUP"):
        HealthProbeSettings(**POLICIES, **who)


@pytest.mark.parametrize(
    "spans", [None, ClosedSpans.parse("2027-02-06T23:00Z/2027-02-07T11:00Z,2027-02-08T00:00Z/2027-02-09T00:00Z")]
)
def test_the_settings_that_infra_writes_are_those_that_it_reads(spans: ClosedSpans | None) -> None:
    settings = HealthProbeSettings(**POLICIES, group="workers", closed=spans)
    assert load(HealthProbeSettings, environment_of(settings)) == settings


def test_spans_that_are_none_are_refused_in_words() -> None:
    environ = {"NUNCHI_KIOSK_POLICY": "k", "NUNCHI_WORKER_POLICY": "w", "NUNCHI_GROUP": "g", "NUNCHI_CLOSED": "monday"}
    with pytest.raises(SettingsError, match="NUNCHI_CLOSED is wrong: 'monday' is not a valid time"):
        load(HealthProbeSettings, environ)


def test_lambda_gets_a_handler_and_everybody_else_an_import_without_effects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment_of(ONE).items():
        monkeypatch.setenv(name, value)
    assert "handler" not in vars(health_probe)
    assert isinstance(health_probe.handler, Prober)
