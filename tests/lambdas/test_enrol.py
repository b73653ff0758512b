"""Enrolment: who gets a certificate, what is left of one that is replaced, retired or half made, and what is logged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contracts.errors import SettingsError
from lambdas import enrol
from lambdas.enrol import Enrolment, EnrolSettings
from tests.lambdas.enrolments import CSR, ended

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_iot import IoTClient

POLICY = "Worker"


@dataclass
class Account:
    """IoT Core and EC2 as moto plays them, and the handler over them. Calls named in `failing` fail, once each."""

    iot: IoTClient
    ec2: EC2Client
    failing: dict[str, str] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.iot.create_policy(policyName=POLICY, policyDocument="{}")
        self.iot.meta.events.register("before-call.iot", self._may_fail)
        self.handle = Enrolment(
            ec2=self.ec2, iot=self.iot, settings=EnrolSettings(worker_policy=POLICY), pause=self.pauses.append
        )

    def launch(self, role: str = "inference") -> str:
        tags: Any = [{"ResourceType": "instance", "Tags": [{"Key": "nunchi:role", "Value": role}]}]
        launched = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags)
        return launched["Instances"][0]["InstanceId"]

    def enrol(self, instance_id: str, csr: str = CSR) -> dict[str, str]:
        return self.handle({"instance_id": instance_id, "csr": csr}, None)

    def terminated(self, instance_id: str) -> dict[str, str]:
        return self.handle(ended(instance_id), None)

    def certificates(self) -> dict[str, str]:
        """Status by id, of all that IoT Core has."""
        return {one["certificateId"]: one["status"] for one in self.iot.list_certificates()["certificates"]}

    def things(self) -> dict[str, dict[str, str]]:
        return {one["thingName"]: one["attributes"] for one in self.iot.list_things()["things"]}

    def held_by(self, thing: str) -> list[str]:
        return [arn.split("/")[1] for arn in self.iot.list_thing_principals(thingName=thing)["principals"]]

    def _may_fail(self, model: Any, **_: Any) -> None:
        if (code := self.failing.pop(model.name, None)) is not None:
            raise ClientError({"Error": {"Code": code, "Message": "on purpose"}}, model.name)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IOT", "AWS_ENDPOINT_URL_EC2"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Account(boto3.client("iot"), boto3.client("ec2"))


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_inference_instance_gets_a_certificate_under_the_workers_policy(account: Account) -> None:
    """Thing, certificate and policy belong together, and the answer is what the instance can't know itself."""
    instance_id = account.launch()
    answer = account.enrol(instance_id)
    [certificate] = account.held_by(instance_id)
    described = account.iot.describe_certificate(certificateId=certificate)["certificateDescription"]
    host = answer.pop("mqtt_host")  # moto makes up another at each call
    assert re.fullmatch(r"[a-z0-9]+-ats\.iot\.ap-northeast-2\.amazonaws\.com", host)
    assert answer == {"certificate_pem": described["certificatePem"]}
    assert (account.things(), account.certificates()) == (
        {instance_id: {"nunchi-role": "worker"}},
        {certificate: "ACTIVE"},
    )
    policies = account.iot.list_attached_policies(target=described["certificateArn"])["policies"]
    assert [policy["policyName"] for policy in policies] == [POLICY]


def test_a_second_enrolment_takes_the_first_certificate_away(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """The instance lost its key, or its first answer: what was given before opens nothing any more."""
    instance_id = account.launch()
    account.enrol(instance_id)
    [first] = account.held_by(instance_id)
    account.enrol(instance_id)
    [second] = account.held_by(instance_id)
    assert account.certificates() == {second: "ACTIVE"}
    assert [(line["outcome"], line["certificate"], line["replaced"]) for line in told(capsys)] == [
        ("enrolled", first, []),
        ("enrolled", second, [first]),
    ]


def test_nothing_that_a_key_could_be_is_logged(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.enrol(account.launch())
    account.enrol("i-1", CSR)
    account.enrol(account.launch(), "-----BEGIN PRIVATE KEY-----")
    assert "BEGIN" not in capsys.readouterr().out


@pytest.mark.parametrize("why", ["unknown", "untagged", "stopped", "terminated"])
def test_whom_ec2_does_not_vouch_for_gets_nothing(account: Account, why: str) -> None:
    instance_id = (
        "i-0123456789abcdef0" if why == "unknown" else account.launch("kiosk" if why == "untagged" else "inference")
    )
    if why == "stopped":
        account.ec2.stop_instances(InstanceIds=[instance_id])
    if why == "terminated":
        account.ec2.terminate_instances(InstanceIds=[instance_id])
    answer = account.enrol(instance_id)
    reason = {
        "unknown": f"EC2 knows no instance {instance_id} in this account and region",
        "untagged": f"{instance_id} has no tag nunchi:role=inference: it is not a worker's instance",
        "stopped": f"{instance_id} is stopped: only a running instance gets a certificate",
        "terminated": f"{instance_id} is terminated: only a running instance gets a certificate",
    }[why]
    assert answer == {"refused": reason}
    assert (account.things(), account.certificates()) == ({}, {})


@pytest.mark.parametrize("attributes", [{}, {"nunchi-role": "kiosk"}])
def test_a_kiosk_that_is_named_like_an_instance_is_never_taken_over(
    account: Account, attributes: dict[str, str]
) -> None:
    """Neither its name by an enrolment, nor its certificate by an instance that ends."""
    instance_id = account.launch()
    account.iot.create_thing(thingName=instance_id, attributePayload={"attributes": attributes})
    kiosk = account.iot.create_keys_and_certificate(setAsActive=True)
    account.iot.attach_thing_principal(thingName=instance_id, principal=kiosk["certificateArn"])
    answers = [account.enrol(instance_id), account.terminated(instance_id)]
    assert [f"the thing {instance_id} is not a worker's" in answer["refused"] for answer in answers] == [True, True]
    assert (account.things(), account.certificates()) == ({instance_id: attributes}, {kiosk["certificateId"]: "ACTIVE"})


def test_a_csr_that_iot_core_refuses_is_a_refusal(account: Account) -> None:
    account.failing["CreateCertificateFromCsr"] = "InvalidRequestException"
    assert "IoT Core refuses the csr" in account.enrol(account.launch())["refused"]
    assert account.certificates() == {}


@pytest.mark.parametrize(
    "call",
    [
        "DescribeEndpoint",
        "CreateThing",
        "ListThingPrincipals",
        "CreateCertificateFromCsr",
        "AttachThingPrincipal",
        "AttachPolicy",
        "UpdateCertificate",
    ],
)
def test_a_failed_enrolment_leaves_no_certificate_and_the_next_one_works(
    account: Account, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever step it was. The error goes to whoever invoked, which asks again."""
    instance_id = account.launch()
    account.failing[call] = "ThrottlingException"
    with pytest.raises(ClientError, match="Throttling"):
        account.enrol(instance_id)
    assert account.certificates() == {}
    assert told(capsys)[-1] == {
        "level": "error",
        "step": "enrol",
        "outcome": "failed",
        "code": "ThrottlingException",
    }
    account.enrol(instance_id)
    assert list(account.certificates().values()) == ["ACTIVE"]


def test_an_enrolment_that_dies_with_its_sandbox_leaves_an_inactive_certificate(account: Account) -> None:
    """Nothing takes it back then; so it must not have opened anything. The next enrolment removes it."""

    def die(**_: Any) -> None:
        raise KeyboardInterrupt

    instance_id = account.launch()
    account.iot.meta.events.register("before-call.iot.AttachPolicy", die)
    with pytest.raises(KeyboardInterrupt):
        account.enrol(instance_id)
    assert list(account.certificates().values()) == ["INACTIVE"]
    account.iot.meta.events.unregister("before-call.iot.AttachPolicy", die)
    account.enrol(instance_id)
    assert list(account.certificates().values()) == ["ACTIVE"]


def test_a_terminated_instance_leaves_neither_thing_nor_certificate(account: Account) -> None:
    """However often EventBridge says so; another instance is not touched."""
    gone, stays = account.launch(), account.launch()
    for instance_id in (gone, stays):
        account.enrol(instance_id)
    kept = account.held_by(stays)
    account.ec2.terminate_instances(InstanceIds=[gone])
    assert [account.terminated(gone), account.terminated(gone)] == [{}, {}]
    assert (list(account.things()), list(account.certificates())) == ([stays], kept)


def test_an_instance_that_was_never_enrolled_is_no_error(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """EC2 announces the end of every instance of the account."""
    assert account.terminated("i-0123456789abcdef0") == {}
    assert told(capsys) == [{"level": "info", "step": "enrol", "outcome": "unknown", "instance": "i-0123456789abcdef0"}]


def test_a_detaching_that_takes_aws_some_seconds_is_waited_for(account: Account) -> None:
    instance_id = account.launch()
    account.enrol(instance_id)
    account.failing |= {"DeleteCertificate": "DeleteConflictException", "DeleteThing": "InvalidRequestException"}
    assert account.terminated(instance_id) == {}
    assert (account.things(), account.certificates(), account.pauses) == ({}, {}, [0.25, 0.25])


def test_a_certificate_that_can_not_be_deleted_is_revoked_all_the_same(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log names it; it opens nothing, and the enrolment that replaces it is good."""

    def attached(model: Any, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "DeleteConflictException", "Message": "on purpose"}}, model.name)

    instance_id = account.launch()
    account.enrol(instance_id)
    [first] = account.held_by(instance_id)
    account.iot.meta.events.register("before-call.iot.DeleteCertificate", attached)
    account.enrol(instance_id)
    [second] = account.held_by(instance_id)
    assert account.certificates() == {first: "REVOKED", second: "ACTIVE"}
    assert [line["outcome"] for line in told(capsys)] == ["enrolled", "left_revoked", "enrolled"]


def test_lambda_gets_a_handler_and_everybody_else_an_import_without_effects(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUNCHI_WORKER_POLICY", POLICY)
    assert "handler" not in vars(enrol)
    assert enrol.handler(ended(account.launch()), None) == {}


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUNCHI_WORKER_POLICY", raising=False)
    with pytest.raises(SettingsError, match="NUNCHI_WORKER_POLICY"):
        _ = enrol.handler
