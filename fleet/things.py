"""Things of AWS IoT with a certificate and a policy: created completely or not at all, revoked, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.aws.errors import error_code
from fleet.errors import IncompleteChange

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient
    from types_boto3_iot.type_defs import CreateKeysAndCertificateResponseTypeDef

# AWS takes some seconds to detach a certificate from a thing; until then it deletes neither.
SETTLE_TRIES: Final = 40
SETTLE_PAUSE_S: Final = 0.5
_STILL_ATTACHED: Final = ("DeleteConflictException", "InvalidRequestException")


@dataclass(frozen=True, slots=True)
class Identity:
    """A device's thing, certificate and key. AWS created the key, returns it once and keeps no copy."""

    thing: str
    thing_arn: str
    certificate_id: str
    certificate_arn: str
    certificate_pem: str
    private_key: str = field(repr=False)


class Things:
    """The thing registry of one account and region. `pause` sleeps for seconds."""

    def __init__(self, iot: IoTClient, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._iot = iot
        self._pause = pause

    def create(self, name: str, *, policy: str, attributes: Mapping[str, str]) -> Identity:
        """Create a thing and a certificate with `policy`, whose id is the thing's attribute `certificate`.

        A failure is undone; IncompleteChange when that fails too. Of two concurrent calls with one name, AWS refuses
        the second, because their attributes differ.
        """
        with self._new_certificate(name, policy) as created:
            attributes = {**attributes, "certificate": created["certificateId"]}
            thing = self._iot.create_thing(thingName=name, attributePayload={"attributes": attributes})
            self._iot.attach_thing_principal(thingName=name, principal=created["certificateArn"])
        return _identity(name, thing["thingArn"], created)

    def certify(self, name: str, *, policy: str) -> Identity:
        """Create another certificate for an existing thing; its other certificates stay valid."""
        thing_arn = self._iot.describe_thing(thingName=name)["thingArn"]
        with self._new_certificate(name, policy) as created:
            self._iot.attach_thing_principal(thingName=name, principal=created["certificateArn"])
            self.note_certificate(name, created["certificateId"])
        return _identity(name, thing_arn, created)

    def note_certificate(self, name: str, certificate_id: str) -> None:
        """Store the id of its certificate on the thing, so that a list needs no request for each thing."""
        self._iot.update_thing(
            thingName=name, attributePayload={"attributes": {"certificate": certificate_id}, "merge": True}
        )

    def attributes(self, name: str) -> dict[str, str] | None:
        """The attributes of a thing; None when it does not exist."""
        try:
            return dict(self._iot.describe_thing(thingName=name).get("attributes", {}))
        except self._iot.exceptions.ResourceNotFoundException:
            return None

    def certificates(self, name: str) -> list[str]:
        """The ARNs of a thing's certificates."""
        pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=name)
        return [arn for page in pages for arn in page["principals"]]

    def revoke(self, certificate_arn: str) -> None:
        """Revoke and delete a certificate. The first call makes it invalid; the others clean up."""
        certificate_id = certificate_arn.rpartition("/")[2]
        self._iot.update_certificate(certificateId=certificate_id, newStatus="REVOKED")
        for policies in self._iot.get_paginator("list_attached_policies").paginate(target=certificate_arn):
            for policy in policies["policies"]:
                self._iot.detach_policy(policyName=policy["policyName"], target=certificate_arn)
        for things in self._iot.get_paginator("list_principal_things").paginate(principal=certificate_arn):
            for name in things["things"]:
                self._iot.detach_thing_principal(thingName=name, principal=certificate_arn)
        self._delete_when_detached(lambda: self._iot.delete_certificate(certificateId=certificate_id))

    def delete(self, name: str) -> None:
        """Delete a thing without certificates."""
        self._delete_when_detached(lambda: self._iot.delete_thing(thingName=name))

    @contextmanager
    def _new_certificate(
        self, name: str, policy: str
    ) -> Generator[CreateKeysAndCertificateResponseTypeDef, None, None]:
        """An active certificate; if the block fails it is revoked, and a thing that was created for it deleted."""
        created = self._iot.create_keys_and_certificate(setAsActive=True)
        arn, certificate_id = created["certificateArn"], created["certificateId"]
        try:
            self._iot.attach_policy(policyName=policy, target=arn)
            yield created
        except BaseException as error:
            try:
                self.revoke(arn)
                if (self.attributes(name) or {}).get("certificate") == certificate_id:
                    self.delete(name)
            except (BotoCoreError, ClientError) as undo_error:
                raise IncompleteChange(
                    f"{name} could not be created ({error}), and undoing that failed too ({undo_error}): "
                    f"{arn} is left, and perhaps the thing {name}; delete them in the console of AWS IoT"
                ) from error
            raise

    def _delete_when_detached(self, delete: Callable[[], object]) -> None:
        for tries_left in reversed(range(SETTLE_TRIES)):
            try:
                delete()
            except ClientError as error:
                if tries_left == 0 or error_code(error) not in _STILL_ATTACHED:
                    raise
                self._pause(SETTLE_PAUSE_S)
            else:
                return


def _identity(thing: str, thing_arn: str, created: CreateKeysAndCertificateResponseTypeDef) -> Identity:
    return Identity(
        thing,
        thing_arn,
        created["certificateId"],
        created["certificateArn"],
        created["certificatePem"],
        created["keyPair"]["PrivateKey"],
    )
