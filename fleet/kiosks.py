"""The kiosks of an account: a name, a thing and a certificate each."""

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

ROLE: Final = "nunchi-role"  # thing attribute: kiosk or worker; other things lack it
KIOSK: Final = "kiosk"
_INSTANCE = re.compile("i-[0-9a-f]+")  # a worker's thing has the id of its EC2 instance
_WORKER_TOPIC: Final = "worker"  # nunchi/worker/… is used by workers


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk in the registry of AWS IoT. Without an active certificate it can't connect."""

    name: str
    certificate_id: str | None
    active: bool
    created: datetime | None

    def age_days(self, at: datetime) -> int | None:
        """Whole days since its certificate was created; None without a certificate."""
        return None if self.created is None else (at - self.created).days


class Kiosks:
    """Adds, lists and removes kiosks; `policy` is the IoT policy of their certificates."""

    def __init__(self, iot: IoTClient, *, policy: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._iot = iot
        self._policy = policy
        self._things = Things(iot, pause=pause)

    def add(self, name: str) -> Identity:
        """Create a kiosk. InvalidKiosk or KioskExists before anything is created."""
        check_name(name)
        attributes = self._things.attributes(name)
        if attributes is not None:
            if attributes.get(ROLE) != KIOSK:
                raise InvalidKiosk(f"{name} is a thing that is not a kiosk; nothing was created. Choose another name")
            raise KioskExists(
                f"kiosk {name} exists; nothing was created. --replace gives it a new key, and revokes the old one"
            )
        return self._things.create(name, policy=self._policy, attributes={ROLE: KIOSK})

    def renew(self, name: str) -> Identity:
        """Create another certificate and key for a kiosk. The old ones stay valid until `revoke_older`."""
        self._require(name)
        return self._things.certify(name, policy=self._policy)

    def revoke_older(self, identity: Identity) -> None:
        """Revoke all certificates of the kiosk except this one."""
        for arn in self._things.certificates(identity.thing):
            if arn != identity.certificate_arn:
                self._things.revoke(arn)

    def undo(self, identity: Identity) -> None:
        """Undo `add` or `renew`, whose key could not be stored."""
        self._things.revoke(identity.certificate_arn)
        older = [arn for arn in self._things.certificates(identity.thing) if arn != identity.certificate_arn]
        if older:
            self._things.note_certificate(identity.thing, older[0].rpartition("/")[2])
        else:
            self._things.delete(identity.thing)

    def remove(self, name: str) -> None:
        """Revoke a kiosk's certificates and delete it. KioskUnknown when it does not exist."""
        self._require(name)
        for arn in self._things.certificates(name):
            self._things.revoke(arn)
        self._things.delete(name)

    def all(self) -> list[Kiosk]:
        """All kiosks, sorted by name, from two listings: no request for each kiosk."""
        certificates = {
            certificate["certificateId"]: certificate
            for page in self._iot.get_paginator("list_certificates").paginate()
            for certificate in page["certificates"]
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
            raise KioskUnknown(f"there is no kiosk {name}; nothing was changed. `nunchi kiosk list` shows all")


def check_name(name: str) -> str:
    """`name` itself if it is valid for a kiosk; otherwise InvalidKiosk."""
    try:
        check_kiosk_id(name)
    except InvalidName as error:
        raise InvalidKiosk(f"{error}; nothing was created") from None
    if _INSTANCE.fullmatch(name) or name == _WORKER_TOPIC:
        raise InvalidKiosk(f"{name!r} is reserved for workers; nothing was created. Choose another name")
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
