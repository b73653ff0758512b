"""The kiosks of an account: one thing, one certificate and one name each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from contracts.errors import InvalidName
from contracts.names import check_kiosk_id
from fleet.errors import InvalidKiosk, KioskExists, KioskUnknown
from fleet.things import Identity, Things

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient
    from types_boto3_iot.type_defs import CertificateTypeDef

ROLE: Final = "nunchi-role"  # the attribute that tells kiosks from workers, and from what is not ours
KIOSK: Final = "kiosk"
_INSTANCE = re.compile("i-[0-9a-f]+")  # an EC2 instance's id names the thing of its worker
_TOPIC_OF_WORKERS: Final = "worker"  # nunchi/worker/… is theirs


@dataclass(frozen=True, slots=True)
class Kiosk:
    """One kiosk, as the registry has it. Without a certificate that AWS knows, it can do nothing."""

    name: str
    certificate_id: str | None
    active: bool
    created: datetime | None

    def age_days(self, at: datetime) -> int | None:
        """Whole days since its certificate was made."""
        return None if self.created is None else (at - self.created).days


class Kiosks:
    """Adds, lists and removes kiosks, whose certificates are under the IoT policy `policy`."""

    def __init__(self, iot: IoTClient, *, policy: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._iot = iot
        self._policy = policy
        self._things = Things(iot, pause=pause)

    def add(self, name: str) -> Identity:
        """A new kiosk. InvalidKiosk or KioskExists before anything is made."""
        check_name(name)
        attributes = self._things.attributes(name)
        if attributes is not None:
            if attributes.get(ROLE) != KIOSK:
                raise InvalidKiosk(f"{name} is a thing of another kind; nothing was made. Choose another name")
            raise KioskExists(
                f"there is a kiosk {name}; nothing was made. --replace gives it a new key, and revokes the old one"
            )
        return self._things.make(name, policy=self._policy, attributes={ROLE: KIOSK})

    def renew(self, name: str) -> Identity:
        """A new certificate and key for a kiosk that there is. The old ones go on until `retire_older`."""
        self._require(name)
        return self._things.certify(name, policy=self._policy)

    def retire_older(self, identity: Identity) -> None:
        """Revoke every certificate of the kiosk but this one."""
        for arn in self._things.certificates(identity.thing):
            if arn != identity.certificate_arn:
                self._things.revoke(arn)

    def withdraw(self, identity: Identity) -> None:
        """Take back what `add` or `renew` gave: nobody could use it."""
        self._things.revoke(identity.certificate_arn)
        older = [arn for arn in self._things.certificates(identity.thing) if arn != identity.certificate_arn]
        if older:
            self._things.note_certificate(identity.thing, older[0].rpartition("/")[2])
        else:
            self._things.delete(identity.thing)

    def remove(self, name: str) -> None:
        """Revoke a kiosk's certificates and forget it. KioskUnknown when there is none of that name."""
        self._require(name)
        for arn in self._things.certificates(name):
            self._things.revoke(arn)
        self._things.delete(name)

    def all(self) -> list[Kiosk]:
        """Every kiosk, by name. Two lists are read, however many kiosks there are."""
        certificates = {
            one["certificateId"]: one
            for page in self._iot.get_paginator("list_certificates").paginate()
            for one in page["certificates"]
        }
        things = self._iot.get_paginator("list_things").paginate(attributeName=ROLE, attributeValue=KIOSK)
        return sorted(
            (
                _kiosk(thing["thingName"], certificates.get(thing["attributes"].get("certificate", "")))
                for page in things
                for thing in page["things"]
            ),
            key=lambda kiosk: kiosk.name,
        )

    def _require(self, name: str) -> None:
        if (self._things.attributes(name) or {}).get(ROLE) != KIOSK:
            raise KioskUnknown(
                f"there is no kiosk {name}; nothing was changed. `nunchi kiosk list` names those that there are"
            )


def check_name(name: str) -> str:
    """`name` itself if a kiosk can bear it; otherwise InvalidKiosk."""
    try:
        check_kiosk_id(name)
    except InvalidName as refused:
        raise InvalidKiosk(f"{refused}; nothing was made") from None
    if _INSTANCE.fullmatch(name) or name == _TOPIC_OF_WORKERS:
        raise InvalidKiosk(f"{name!r} would be taken for a worker; nothing was made. Choose another name")
    return name


def _kiosk(name: str, certificate: CertificateTypeDef | None) -> Kiosk:
    if certificate is None:
        return Kiosk(name, None, active=False, created=None)
    return Kiosk(
        name,
        certificate["certificateId"],
        active=certificate["status"] == "ACTIVE",
        created=certificate["creationDate"].astimezone(UTC),
    )
