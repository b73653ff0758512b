"""Enrolment and certificate rotation: issues an inference instance's certificate, and revokes older ones.

The instance creates a key and a certificate signing request and invokes this function with its own id; the key never
leaves it. EventBridge invokes the function when an instance was terminated. `decide` is free of I/O.

    {"instance_id": "i-…", "csr": "…PEM…"}          → {"certificate_pem": "…", "mqtt_host": "…"}
    an instance that may not have one               → {"refused": "why"}; nothing was created
    "EC2 Instance State-change Notification"        → {}; its thing and certificates are deleted
    AWS refuses, throttles or does not answer       the error: the caller tries again, and every step is idempotent

A certificate is created inactive, activated last, and revoked on a failure, so that an undelivered one opens no
connection. One that is left attached to its thing is revoked by the next enrolment, or at the end of the instance.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.aws.ec2 import ALIVE, instances
from contracts.aws.errors import error_code, ignoring
from contracts.aws.lambda_wiring import clients, handler_on_first_use, log
from contracts.errors import NunchiError
from contracts.settings import load, setting

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_iot import IoTClient

# Only an instance with this tag is enrolled. Its stack tags it; Run Command is limited to the same tag.
INSTANCE_TAG: Final = ("nunchi:role", "inference")
# An attribute of workers' things. A kiosk named like an instance lacks it, and is never changed.
WORKER_ATTRIBUTE: Final = ("nunchi-role", "worker")

_INSTANCE: Final = re.compile("i-[0-9a-f]{8,17}")
_STATE_CHANGE: Final = "EC2 Instance State-change Notification"
MAX_CSR: Final = 4096  # characters, IoT Core's own limit
_CSR: Final = re.compile(
    r"\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*"
)

_UNKNOWN_INSTANCE: Final = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
# IoT Core detaches in the background: for some seconds a detached thing or certificate counts as attached.
_STILL_ATTACHED: Final = frozenset({"DeleteConflictException", "InvalidRequestException"})
_DETACHING_TRIES: Final = 6


class EnrolmentRefused(NunchiError):
    """The caller may not have a certificate; nothing was created."""


@dataclass(frozen=True, kw_only=True)
class EnrolSettings:
    """The function's settings; `infra/` writes them. Region and credentials come from the runtime."""

    worker_policy: str = setting("NUNCHI_WORKER_POLICY", "name of the IoT policy that a worker's certificate is under")


@dataclass(frozen=True)
class Enrol:
    """Issue a certificate for this instance. The request holds no secret, but is not logged either."""

    instance_id: str
    csr: str


@dataclass(frozen=True)
class Retire:
    """Delete the thing and certificates of the instance: it is terminated."""

    instance_id: str


def decide(event: Any) -> Enrol | Retire:
    """The command in an event; EnrolmentRefused when it is invalid."""
    match event:
        case {"detail-type": kind, "detail": {"instance-id": instance_id, "state": "terminated"}} if (
            kind == _STATE_CHANGE
        ):
            return Retire(_instance_id(instance_id))
        case {"instance_id": instance_id, "csr": csr}:
            return Enrol(_instance_id(instance_id), _signing_request(csr))
    raise EnrolmentRefused(
        "the event is invalid, nothing was done: it must be an enrolment, with instance_id and csr, or EC2's event of "
        "a terminated instance"
    )


def _instance_id(value: object) -> str:
    if not isinstance(value, str) or not _INSTANCE.fullmatch(value):
        raise EnrolmentRefused("the instance id is invalid: it must be i- and 8 to 17 of 0-9 and a-f")
    return value


def _signing_request(value: object) -> str:
    """The request, if it is one block of PEM; IoT Core checks its key and signature."""
    if not isinstance(value, str) or len(value) > MAX_CSR or not _CSR.fullmatch(value):
        raise EnrolmentRefused(
            f"the csr is invalid: it must be a certificate signing request in PEM of at most {MAX_CSR} characters"
        )
    return value


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """The handler: checks the instance with EC2; creates and revokes certificates with IoT Core."""

    ec2: EC2Client
    iot: IoTClient
    settings: EnrolSettings
    pause: Callable[[float], None] = time.sleep

    def __call__(self, event: object, _context: object) -> dict[str, str]:
        """The answer, as in the module's docstring; botocore's errors pass through to the caller."""
        try:
            command = decide(event)
            if isinstance(command, Retire):
                self._retire(command.instance_id)
                return {}
            return self._enrol(command)
        except EnrolmentRefused as refusal:
            _log("warning", "refused", why=str(refusal))
            return {"refused": str(refusal)}
        except (ClientError, BotoCoreError) as error:
            _log("error", "failed", code=error_code(error))
            raise

    def _enrol(self, command: Enrol) -> dict[str, str]:
        thing = command.instance_id
        self._require_inference_instance(thing)
        host = self.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        if not self._is_worker_thing(thing):
            name, value = WORKER_ATTRIBUTE
            self.iot.create_thing(thingName=thing, attributePayload={"attributes": {name: value}})
        older = self._certificates_of(thing)
        certificate = self._sign(command)
        arn = certificate["certificateArn"]
        try:
            self.iot.attach_thing_principal(thingName=thing, principal=arn)
            self.iot.attach_policy(policyName=self.settings.worker_policy, target=arn)
            self.iot.update_certificate(certificateId=certificate["certificateId"], newStatus="ACTIVE")
            for older_arn in older:
                self._revoke(thing, older_arn)
        except (ClientError, BotoCoreError):
            with suppress(ClientError, BotoCoreError):
                self._revoke(thing, arn)
            raise
        _log(
            "info",
            "enrolled",
            instance=thing,
            certificate=certificate["certificateId"],
            replaced=list(map(_id_in, older)),
        )
        return {"certificate_pem": certificate["certificatePem"], "mqtt_host": host}

    def _retire(self, thing: str) -> None:
        if not self._is_worker_thing(thing):  # EventBridge reports every terminated instance of the account
            _log("info", "unknown", instance=thing)
            return
        certificates = self._certificates_of(thing)
        for arn in certificates:
            self._revoke(thing, arn)
        if not self._delete_when_detached(lambda: self.iot.delete_thing(thingName=thing)):
            self.iot.delete_thing(thingName=thing)  # its error passes through: EventBridge invokes again in a minute
        _log("info", "retired", instance=thing, revoked=list(map(_id_in, certificates)))

    def _require_inference_instance(self, instance_id: str) -> None:
        try:
            [instance] = instances(self.ec2, InstanceIds=[instance_id])
        except ClientError as error:
            if error_code(error) in _UNKNOWN_INSTANCE:
                raise EnrolmentRefused(f"EC2 knows no instance {instance_id} in this account and region") from None
            raise
        if (state := instance["State"]["Name"]) not in ALIVE:
            raise EnrolmentRefused(f"{instance_id} is {state}: only a running instance gets a certificate")
        if INSTANCE_TAG not in ((tag["Key"], tag["Value"]) for tag in instance.get("Tags", ())):
            raise EnrolmentRefused(f"{instance_id} has no tag {'='.join(INSTANCE_TAG)}: it is not a worker's instance")

    def _is_worker_thing(self, thing: str) -> bool:
        """Whether the worker's thing exists; EnrolmentRefused when a thing of another kind has its name."""
        try:
            attributes = self.iot.describe_thing(thingName=thing).get("attributes", {})
        except self.iot.exceptions.ResourceNotFoundException:
            return False
        if WORKER_ATTRIBUTE not in attributes.items():
            raise EnrolmentRefused(
                f"the thing {thing} is not a worker's, it lacks the attribute {'='.join(WORKER_ATTRIBUTE)}; nothing "
                "was changed: if a kiosk has this name, rename the kiosk"
            )
        return True

    def _certificates_of(self, thing: str) -> list[str]:
        pages = self.iot.get_paginator("list_thing_principals").paginate(thingName=thing)
        return [arn for page in pages for arn in page["principals"] if ":cert/" in arn]

    def _sign(self, command: Enrol) -> Any:
        try:
            return self.iot.create_certificate_from_csr(certificateSigningRequest=command.csr)  # inactive
        except ClientError as error:
            if error_code(error) == "InvalidRequestException":
                raise EnrolmentRefused("IoT Core refuses the csr: its key or signature is invalid") from None
            raise

    def _revoke(self, thing: str, arn: str) -> None:
        """Revoke, detach, delete. Revoking comes first, so that a later failure leaves an unusable certificate."""
        certificate = _id_in(arn)
        with _unless_gone():
            self.iot.update_certificate(certificateId=certificate, newStatus="REVOKED")
        with _unless_gone():
            for page in self.iot.get_paginator("list_attached_policies").paginate(target=arn):
                for policy in page["policies"]:
                    self.iot.detach_policy(policyName=policy["policyName"], target=arn)
        with _unless_gone():
            self.iot.detach_thing_principal(thingName=thing, principal=arn)
        if not self._delete_when_detached(lambda: self.iot.delete_certificate(certificateId=certificate)):
            _log("warning", "left_revoked", instance=thing, certificate=certificate)

    def _delete_when_detached(self, delete: Callable[[], object]) -> bool:
        """Try to delete until IoT Core has detached; whether it was deleted."""
        for attempt in range(_DETACHING_TRIES):
            try:
                with _unless_gone():
                    delete()
            except ClientError as error:
                if error_code(error) not in _STILL_ATTACHED:
                    raise
                self.pause(0.25 * 2**attempt)
            else:
                return True
        return False


def _unless_gone() -> AbstractContextManager[None]:
    """Ignore that it is gone already: an earlier or a concurrent try deleted it."""
    return ignoring("ResourceNotFoundException")


def _id_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def _log(level: str, outcome: str, **facts: Any) -> None:
    log(level=level, step="enrol", outcome=outcome, **facts)


# An enrolment takes a dozen calls and the waits for AWS to detach: some seconds, under half a minute when AWS is slow.
# The function's timeout covers all of it.
PATIENCE: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
)


def wire(environ: Mapping[str, str]) -> Enrolment:
    """The one place that chooses real I/O."""
    settings, client = load(EnrolSettings, environ), clients(botocore.session.get_session(), PATIENCE)
    return Enrolment(ec2=client("ec2"), iot=client("iot"), settings=settings)


__getattr__ = handler_on_first_use(__name__, wire)
