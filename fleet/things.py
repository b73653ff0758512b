"""Things of AWS IoT with a certificate and a policy: made whole or not at all, and taken away for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from fleet.errors import IncompleteChange

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

# AWS takes some seconds to part a thing from its certificate; until then it deletes neither.
SETTLE_TRIES: Final = 40
SETTLE_PAUSE_S: Final = 0.5
_STILL_ATTACHED: Final = ("DeleteConflictException", "InvalidRequestException")


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a device itself. AWS made the key, shows it this once and keeps no copy."""

    thing: str
    thing_arn: str
    certificate_id: str
    certificate_arn: str
    certificate_pem: str
    private_key: str = field(repr=False)


class Things:
    """The registry of one account and region. `pause` waits so many seconds."""

    def __init__(self, iot: IoTClient, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._iot = iot
        self._pause = pause

    def make(self, name: str, *, policy: str, attributes: Mapping[str, str]) -> Identity:
        """A new thing with a certificate under `policy`, whose id it bears as its attribute `certificate`.

        A failure leaves nothing of it; IncompleteChange when even that could not be done. Of two that make the same
        name at once AWS refuses the second: their certificates differ.
        """
        made = self._iot.create_keys_and_certificate(setAsActive=True)
        arn, certificate_id = made["certificateArn"], made["certificateId"]
        thing_arn = None
        try:
            thing_arn = self._iot.create_thing(
                thingName=name, attributePayload={"attributes": {**attributes, "certificate": certificate_id}}
            )["thingArn"]
            self._connect(name, arn, policy)
        except BaseException as error:
            self._take_back(name, arn, error, thing=thing_arn is not None)
            raise
        return Identity(name, thing_arn, certificate_id, arn, made["certificatePem"], made["keyPair"]["PrivateKey"])

    def certify(self, name: str, *, policy: str) -> Identity:
        """Another certificate for a thing that there is; those that it has go on working."""
        thing_arn = self._iot.describe_thing(thingName=name)["thingArn"]
        made = self._iot.create_keys_and_certificate(setAsActive=True)
        arn, certificate_id = made["certificateArn"], made["certificateId"]
        try:
            self._connect(name, arn, policy)
            self.note_certificate(name, certificate_id)
        except BaseException as error:
            self._take_back(name, arn, error, thing=False)
            raise
        return Identity(name, thing_arn, certificate_id, arn, made["certificatePem"], made["keyPair"]["PrivateKey"])

    def note_certificate(self, name: str, certificate_id: str) -> None:
        """Say on the thing which certificate it uses: whoever lists thousands can't ask for each."""
        self._iot.update_thing(
            thingName=name, attributePayload={"attributes": {"certificate": certificate_id}, "merge": True}
        )

    def attributes(self, name: str) -> dict[str, str] | None:
        """What a thing says of itself; None when there is none of that name."""
        try:
            return dict(self._iot.describe_thing(thingName=name).get("attributes", {}))
        except self._iot.exceptions.ResourceNotFoundException:
            return None

    def certificates(self, name: str) -> list[str]:
        """The ARNs of a thing's certificates."""
        pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=name)
        return [arn for page in pages for arn in page["principals"]]

    def revoke(self, certificate_arn: str) -> None:
        """Take a certificate away for good. The first call makes it worthless; the others clear up after it."""
        certificate_id = certificate_arn.rpartition("/")[2]
        self._iot.update_certificate(certificateId=certificate_id, newStatus="REVOKED")
        for policies in self._iot.get_paginator("list_attached_policies").paginate(target=certificate_arn):
            for policy in policies["policies"]:
                self._iot.detach_policy(policyName=policy["policyName"], target=certificate_arn)
        for things in self._iot.get_paginator("list_principal_things").paginate(principal=certificate_arn):
            for name in things["things"]:
                self._iot.detach_thing_principal(thingName=name, principal=certificate_arn)
        self._once_parted(lambda: self._iot.delete_certificate(certificateId=certificate_id))

    def delete(self, name: str) -> None:
        """Delete a thing that has no certificate any more."""
        self._once_parted(lambda: self._iot.delete_thing(thingName=name))

    def _connect(self, name: str, certificate_arn: str, policy: str) -> None:
        self._iot.attach_policy(policyName=policy, target=certificate_arn)
        self._iot.attach_thing_principal(thingName=name, principal=certificate_arn)

    def _take_back(self, name: str, certificate_arn: str, error: BaseException, *, thing: bool) -> None:
        try:
            self.revoke(certificate_arn)
            if thing:
                self.delete(name)
        except (BotoCoreError, ClientError) as left:
            raise IncompleteChange(
                f"{name} could not be made ({error}), nor what was made of it be taken back ({left}): "
                f"{certificate_arn} is left, and perhaps the thing {name}; remove them in the console of AWS IoT"
            ) from error

    def _once_parted(self, delete: Callable[[], object]) -> None:
        for tries_left in reversed(range(SETTLE_TRIES)):
            try:
                delete()
            except ClientError as error:
                if tries_left == 0 or error.response["Error"]["Code"] not in _STILL_ATTACHED:
                    raise
                self._pause(SETTLE_PAUSE_S)
            else:
                return
