"""How an inference instance comes by its certificate, and how it loses it.

The instance makes a key and a certificate signing request and invokes this function with its own id; the key never
leaves it. EventBridge invokes it too, when an instance was terminated. On top is the decision, without I/O.

    {"instance_id": "i-…", "csr": "…PEM…"}          → {"certificate_pem": "…", "mqtt_host": "…"}
    an instance that may not have one               → {"refused": "why"}; nothing was made
    "EC2 Instance State-change Notification"        → {}; thing and certificates are gone, if there were any
    AWS refuses, throttles or does not answer       the error: whoever invoked tries again, and every step bears that

A certificate is made inactive and activated last, and is taken back on a failure: one that nobody received speaks to no
broker. One that was left attached to its thing falls to the next enrolment, or to the end of the instance.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError
from contracts.settings import load, setting

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_iot import IoTClient

# Whom EC2 must know: an instance that its stack tagged so. The tag is the one that Run Command is limited to.
INSTANCE_TAG: Final = ("nunchi:role", "inference")
# What the registry's own things carry. A kiosk could be named like an instance; without this it is never touched.
WORKER_ATTRIBUTE: Final = ("nunchi-role", "worker")

_INSTANCE: Final = re.compile("i-[0-9a-f]{8,17}")
_ALIVE: Final = frozenset({"pending", "running"})
_STATE_CHANGE: Final = "EC2 Instance State-change Notification"
MOST_CSR: Final = 4096  # characters, IoT Core's own limit
_CSR: Final = re.compile(
    r"\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*"
)

_UNKNOWN_INSTANCE: Final = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
# IoT Core detaches in the background: for some seconds it calls a thing or certificate attached that no longer is.
_STILL_ATTACHED: Final = frozenset({"DeleteConflictException", "InvalidRequestException"})
_DETACHING_TRIES: Final = 6


class EnrolmentRefused(NunchiError):
    """Whoever asked may not have a certificate; nothing was made."""


@dataclass(frozen=True, kw_only=True)
class EnrolSettings:
    """What the function must know; `infra/` writes it. Region and credentials come from the runtime."""

    worker_policy: str = setting("NUNCHI_WORKER_POLICY", "name of the IoT policy that a worker's certificate is under")


@dataclass(frozen=True)
class Enrol:
    """Make a certificate for this instance. The request holds no secret, but has no place in a log either."""

    instance_id: str
    csr: str


@dataclass(frozen=True)
class Retire:
    """Forget the instance: it is terminated."""

    instance_id: str


def decide(event: Any) -> Enrol | Retire:
    """What an event asks for; EnrolmentRefused says why it is nothing that this function does."""
    match event:
        case {"detail-type": kind, "detail": {"instance-id": instance_id, "state": "terminated"}} if (
            kind == _STATE_CHANGE
        ):
            return Retire(_instance_id(instance_id))
        case {"instance_id": instance_id, "csr": csr}:
            return Enrol(_instance_id(instance_id), _signing_request(csr))
    raise EnrolmentRefused(
        "this is neither an enrolment, which has instance_id and csr, nor EC2's word that an instance is terminated"
    )


def _instance_id(value: object) -> str:
    if not isinstance(value, str) or not _INSTANCE.fullmatch(value):
        raise EnrolmentRefused("the instance id is none of EC2's: i- and 8 to 17 of 0-9 and a-f")
    return value


def _signing_request(value: object) -> str:
    """The request itself, if it looks like one block of PEM; IoT Core checks key and signature."""
    if not isinstance(value, str) or len(value) > MOST_CSR or not _CSR.fullmatch(value):
        raise EnrolmentRefused(f"the csr is no certificate signing request in PEM of at most {MOST_CSR} characters")
    return value


class Enrolment:
    """The handler: checks with EC2, makes and revokes with IoT Core."""

    def __init__(
        self,
        *,
        ec2: EC2Client,
        iot: IoTClient,
        settings: EnrolSettings,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ec2 = ec2
        self._iot = iot
        self._settings = settings
        self._pause = pause

    def __call__(self, event: object, _context: object) -> dict[str, str]:
        """The answer as the module's docstring says; botocore's errors go to whoever invoked."""
        try:
            wish = decide(event)
            if isinstance(wish, Retire):
                self._retire(wish.instance_id)
                return {}
            return self._enrol(wish)
        except EnrolmentRefused as refusal:
            _log("warning", "refused", why=str(refusal))
            return {"refused": str(refusal)}
        except (ClientError, BotoCoreError) as error:
            _log("error", "failed", code=_code(error))
            raise

    def _enrol(self, wish: Enrol) -> dict[str, str]:
        thing = wish.instance_id
        self._require_inference_instance(thing)
        host = self._iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        if not self._is_ours(thing):
            name, value = WORKER_ATTRIBUTE
            self._iot.create_thing(thingName=thing, attributePayload={"attributes": {name: value}})
        older = self._certificates_of(thing)
        made = self._sign(wish)
        arn = made["certificateArn"]
        try:
            self._iot.attach_thing_principal(thingName=thing, principal=arn)
            self._iot.attach_policy(policyName=self._settings.worker_policy, target=arn)
            self._iot.update_certificate(certificateId=made["certificateId"], newStatus="ACTIVE")
            for one in older:
                self._revoke(thing, one)
        except (ClientError, BotoCoreError):
            with suppress(ClientError, BotoCoreError):
                self._revoke(thing, arn)
            raise
        _log("info", "enrolled", instance=thing, certificate=made["certificateId"], replaced=list(map(_id_in, older)))
        return {"certificate_pem": made["certificatePem"], "mqtt_host": host}

    def _retire(self, thing: str) -> None:
        if not self._is_ours(thing):  # every instance of the account that ends is announced
            _log("info", "unknown", instance=thing)
            return
        certificates = self._certificates_of(thing)
        for one in certificates:
            self._revoke(thing, one)
        if not self._gone_in_the_end(lambda: self._iot.delete_thing(thingName=thing)):
            self._iot.delete_thing(thingName=thing)  # its error is the answer: EventBridge invokes again in a minute
        _log("info", "retired", instance=thing, revoked=list(map(_id_in, certificates)))

    def _require_inference_instance(self, instance_id: str) -> None:
        try:
            answer = self._ec2.describe_instances(InstanceIds=[instance_id])
        except ClientError as error:
            if _code(error) in _UNKNOWN_INSTANCE:
                raise EnrolmentRefused(f"EC2 knows no instance {instance_id} in this account and region") from None
            raise
        [instance] = (one for reservation in answer["Reservations"] for one in reservation["Instances"])
        if (state := instance["State"]["Name"]) not in _ALIVE:
            raise EnrolmentRefused(f"{instance_id} is {state}: only a running instance gets a certificate")
        if INSTANCE_TAG not in ((tag["Key"], tag["Value"]) for tag in instance.get("Tags", ())):
            raise EnrolmentRefused(f"{instance_id} has no tag {'='.join(INSTANCE_TAG)}: it is no worker's")

    def _is_ours(self, thing: str) -> bool:
        """Whether the worker's thing is there already; EnrolmentRefused if somebody else's has its name."""
        try:
            attributes = self._iot.describe_thing(thingName=thing).get("attributes", {})
        except self._iot.exceptions.ResourceNotFoundException:
            return False
        if WORKER_ATTRIBUTE not in attributes.items():
            raise EnrolmentRefused(
                f"the thing {thing} is no worker's (it lacks the attribute {'='.join(WORKER_ATTRIBUTE)}) and is left "
                "as it is; if a kiosk has this name, give the kiosk another one"
            )
        return True

    def _certificates_of(self, thing: str) -> list[str]:
        pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=thing)
        return [arn for page in pages for arn in page["principals"] if ":cert/" in arn]

    def _sign(self, wish: Enrol) -> Any:
        try:
            return self._iot.create_certificate_from_csr(
                certificateSigningRequest=wish.csr
            )  # inactive: nobody asks more
        except ClientError as error:
            if _code(error) == "InvalidRequestException":
                raise EnrolmentRefused("IoT Core refuses the csr: its key or signature is none that it takes") from None
            raise

    def _revoke(self, thing: str, arn: str) -> None:
        """Revoke first, so that whatever fails afterwards fails with a certificate that opens nothing."""
        certificate = _id_in(arn)
        with _unless_gone():
            self._iot.update_certificate(certificateId=certificate, newStatus="REVOKED")
        with _unless_gone():
            for page in self._iot.get_paginator("list_attached_policies").paginate(target=arn):
                for policy in page["policies"]:
                    self._iot.detach_policy(policyName=policy["policyName"], target=arn)
        with _unless_gone():
            self._iot.detach_thing_principal(thingName=thing, principal=arn)
        if not self._gone_in_the_end(lambda: self._iot.delete_certificate(certificateId=certificate)):
            _log("warning", "left_revoked", instance=thing, certificate=certificate)

    def _gone_in_the_end(self, delete: Callable[[], object]) -> bool:
        for attempt in range(_DETACHING_TRIES):
            try:
                with _unless_gone():
                    delete()
            except ClientError as error:
                if _code(error) not in _STILL_ATTACHED:
                    raise
                self._pause(0.25 * 2**attempt)
            else:
                return True
        return False


@contextmanager
def _unless_gone() -> Generator[None, None, None]:
    """What is gone already need not be taken away: a try before this one did it, or somebody at the same moment."""
    try:
        yield
    except ClientError as error:
        if not _is_gone(error):
            raise


def _is_gone(error: ClientError) -> bool:
    return _code(error) == "ResourceNotFoundException"


def _code(error: ClientError | BotoCoreError) -> str:
    """AWS's word for what is wrong; of a BotoCoreError, which is no answer at all, its kind."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def _id_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def _log(level: str, outcome: str, **facts: Any) -> None:
    # Ids only: no key is ever here, and neither request nor certificate helps whoever reads a log.
    sys.stdout.write(json.dumps({"level": level, "step": "enrol", "outcome": outcome, **facts}) + "\n")


# A whole enrolment is a dozen calls and the waits for AWS to detach: some seconds, and under half a minute when AWS is
# slow. The function's timeout is that, not a call's.
PATIENCE: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
)


def wire(environ: Mapping[str, str]) -> Enrolment:
    """The one place that chooses real I/O."""
    settings = load(EnrolSettings, environ)
    session = botocore.session.get_session()
    return Enrolment(
        ec2=cast("EC2Client", session.create_client("ec2", config=PATIENCE)),
        iot=cast("IoTClient", session.create_client("iot", config=PATIENCE)),
        settings=settings,
    )


def __getattr__(name: str) -> Any:
    # Made on being asked for, as in dispatch.py: Lambda asks in its init phase, tests and the CDK app never do.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
