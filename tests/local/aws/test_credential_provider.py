"""The local credential provider refuses what AWS's refuses, in its words. It is used whole in tests/end_to_end."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fleet.kiosks import Kiosks
from fleet.things import Identity
from kiosk.cloud.credentials import Certificate, fetch
from kiosk.errors import CredentialsRefused, CredentialsUnavailable
from local.aws.credential_provider import (
    SERVICE,
    THING_VARIABLE,
    Alias,
    CredentialProvider,
    CredentialsDenied,
    Server,
    make_server_certificate,
    url,
)
from local.ports import LOOPBACK, free_ports
from tests.broker import self_signed

ALIAS = "nunchi-kiosk"
REGION = "eu-west-1"


def allowing(*statements: tuple[str, str]) -> str:
    """A policy document that allows each action on its resource."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in statements],
        }
    )


def trusting(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class Cloud:
    """A registry with one kiosk, the role that it may take, and the provider between them."""

    iot: Any
    iam: Any
    kiosk: Identity
    provider: CredentialProvider

    def refusal(
        self, *, alias: str = ALIAS, certificate: str | None = None, thing: str | None = "shop1"
    ) -> tuple[int, str]:
        with pytest.raises(CredentialsDenied) as refused:
            self.provider.credentials(alias, certificate or self.kiosk.certificate_id, thing)
        return refused.value.status, str(refused.value)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        iot, sts = boto3.client("iot", region_name=REGION), boto3.client("sts", region_name=REGION)
        iam: Any = boto3.client("iam", region_name=REGION)
        iot.create_policy(
            policyName="kiosks",
            policyDocument=allowing(("iot:AssumeRoleWithCertificate", f"arn:aws:iot:*:*:rolealias/{ALIAS}")),
        )
        role = iam.create_role(RoleName="kiosk", AssumeRolePolicyDocument=trusting(SERVICE))["Role"]
        uploads = allowing(("s3:PutObject", f"arn:aws:s3:::photos/uploads/{THING_VARIABLE}/*"))
        iam.put_role_policy(RoleName="kiosk", PolicyName="uploads", PolicyDocument=uploads)
        kiosk = Kiosks(iot, policy="kiosks").add("shop1")
        yield Cloud(iot, iam, kiosk, CredentialProvider(iot, iam, sts, Alias(ALIAS, role["Arn"])))


def test_a_kiosk_gets_the_role_as_aws_reads_it_for_that_kiosk(cloud: Cloud) -> None:
    """Its own name stands in the policy, and the next question finds the role there already."""
    for _ in range(2):
        lent = cloud.provider.credentials(ALIAS, cloud.kiosk.certificate_id, "shop1")
        assert sorted(lent) == ["accessKeyId", "expiration", "secretAccessKey", "sessionToken"]
    policy = cloud.iam.get_role_policy(RoleName="nunchi-kiosk-as-shop1", PolicyName="uploads")["PolicyDocument"]
    assert policy == json.loads(allowing(("s3:PutObject", "arn:aws:s3:::photos/uploads/shop1/*")))


def test_a_kiosk_that_says_no_name_gets_the_role_with_no_name_in_it(cloud: Cloud) -> None:
    """As on AWS: a session that may put nothing, as no key is of that form."""
    cloud.provider.credentials(ALIAS, cloud.kiosk.certificate_id, None)
    assert [role["RoleName"] for role in cloud.iam.list_roles()["Roles"]] == ["kiosk"]


def test_a_certificate_is_good_for_its_own_thing_only(cloud: Cloud) -> None:
    Kiosks(cloud.iot, policy="kiosks").add("shop2")
    assert cloud.refusal(thing="shop2") == (403, "Invalid thing name passed")
    assert cloud.refusal(thing="nobody") == (403, "Invalid thing name passed")


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_that_is_not_active_gets_nothing(cloud: Cloud, status: Any) -> None:
    cloud.iot.update_certificate(certificateId=cloud.kiosk.certificate_id, newStatus=status)
    assert cloud.refusal() == (403, "Certificate is invalid on this endpoint")


def test_a_certificate_that_nobody_registered_gets_nothing(cloud: Cloud) -> None:
    assert cloud.refusal(certificate="0" * 64) == (403, "Certificate is invalid on this endpoint")


def test_a_certificates_policy_must_allow_the_alias(cloud: Cloud) -> None:
    """Another alias, and its own without the policy."""
    assert cloud.refusal(alias="nunchi-admin") == (403, "Access Denied")
    cloud.iot.detach_policy(policyName="kiosks", target=cloud.kiosk.certificate_arn)
    assert cloud.refusal() == (403, "Access Denied")


def test_an_alias_that_is_allowed_must_also_be_there(cloud: Cloud) -> None:
    cloud.iot.create_policy(policyName="all", policyDocument=allowing(("iot:*", "*")))
    cloud.iot.attach_policy(policyName="all", target=cloud.kiosk.certificate_arn)
    assert cloud.refusal(alias="nunchi-admin") == (404, "Role alias does not exist")


@pytest.mark.parametrize("broken", ["trusts another service", "is gone"])
def test_a_role_that_cannot_be_taken_is_said_to_be_so(cloud: Cloud, broken: str) -> None:
    if broken == "is gone":
        cloud.iam.delete_role_policy(RoleName="kiosk", PolicyName="uploads")
        cloud.iam.delete_role(RoleName="kiosk")
    else:
        cloud.iam.update_assume_role_policy(RoleName="kiosk", PolicyDocument=trusting("ec2.amazonaws.com"))
    assert cloud.refusal() == (400, "Unable to assume the role, or the role to assume does not exist")


@dataclass(frozen=True)
class Door:
    """The provider's server, and the files of the authority that vouches for it."""

    port: int
    ca: Path


@pytest.fixture
def door(cloud: Cloud, tmp_path: Path) -> Iterator[Door]:
    """The authority of the devices is a stranger's certificate, so that no kiosk of moto's gets past it."""
    authority, cert, key = make_server_certificate(tmp_path)
    ca = tmp_path / "ca.pem"
    device, _ = self_signed(tmp_path)
    ca.write_text(authority + device.read_text())
    (port,) = free_ports(1)
    server = Server(port, cloud.provider, ca=ca, cert=cert, key=key)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    yield Door(port, ca)
    server.shutdown()
    serving.join()
    server.server_close()


def certificate(folder: Path, ca: Path) -> Certificate:
    return Certificate(thing="shop1", ca=ca, cert=folder / "server.pem", key=folder / "server.key.pem")


def test_a_kiosk_hears_the_refusal_over_the_wire(door: Door, tmp_path: Path) -> None:
    """The device's authority is known, the certificate is not in the registry."""
    with pytest.raises(CredentialsRefused, match="403: Certificate is invalid on this endpoint"):
        fetch(url(door.port, ALIAS), certificate(tmp_path, door.ca))


def test_a_certificate_of_a_foreign_authority_does_not_get_through_the_door(door: Door, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    self_signed(tmp_path / "foreign")
    with pytest.raises(CredentialsUnavailable):
        fetch(url(door.port, ALIAS), certificate(tmp_path / "foreign", door.ca))


def test_no_certificate_is_no_way_in(door: Door) -> None:
    """No request is read, so none is answered."""
    context = ssl.create_default_context(cafile=door.ca)
    answer = b""
    with (
        contextlib.suppress(OSError),  # an alert, or just an end: which of them arrives is chance
        socket.create_connection((LOOPBACK, door.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=LOOPBACK) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = connection.recv(1)
    assert answer == b""


def test_a_device_that_says_nothing_holds_nobody_up(door: Door, tmp_path: Path) -> None:
    """It has connected, and does not even shake hands."""
    with socket.create_connection((LOOPBACK, door.port)), pytest.raises(CredentialsRefused):
        fetch(url(door.port, ALIAS), certificate(tmp_path, door.ca))


def test_the_servers_key_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        _, _, key = make_server_certificate(tmp_path)
    finally:
        os.umask(before)
    assert key.stat().st_mode & 0o777 == 0o600
