"""Things and certificates of the local IoT Core: kiosks and workers as on AWS, and a local observer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.folder import write_new
from fleet.kiosks import ROLE, Kiosks
from fleet.things import Identity, Things
from local.ports import fetch
from local.record import OBSERVER

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

OBSERVER_POLICY: Final = "nunchi-local-observer"


class Registry:
    """Registers devices with IoT Core, and stores their keys in a folder, readable by its owner only."""

    def __init__(self, iot: IoTClient, *, endpoint: str, certs: Path) -> None:
        self._iot = iot
        self._endpoint = endpoint
        self._certs = certs

    def fetch_ca(self, *others: str) -> Path:
        """Write the CA of the broker's certificate, and `others`, to one PEM file; returns its path."""
        path = self._certs / "ca.pem"
        ca = fetch(f"{self._endpoint}/_ministack/iot/ca.pem").decode()
        path.write_text("".join([ca, *others]))
        return path

    def add_kiosk(self, name: str, *, policy: str) -> tuple[Path, Path]:
        """Add a kiosk as `nunchi kiosk add` does; returns the files of certificate and key."""
        return self._keep(Kiosks(self._iot, policy=policy).add(name))

    def add_worker(self, name: str, *, policy: str) -> tuple[Path, Path]:
        """Add the thing of a worker's instance; returns the files of certificate and key.

        On AWS the instance creates its own key and requests a certificate.
        """
        return self._keep(Things(self._iot).create(name, policy=policy, attributes={ROLE: "worker"}))

    def add_observer(self) -> tuple[Path, Path]:
        """Add a certificate that may subscribe to every kiosk, under any client id; local clouds only.

        `nunchi send`, `nunchi watch` and other MQTT tools use it: with the kiosk's client id they would disconnect each
        other.
        """
        self._iot.create_policy(
            policyName=OBSERVER_POLICY,
            policyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:iot:*:*:{resource}"}
                        for action, resource in (
                            ("iot:Connect", "client/*"),
                            ("iot:Subscribe", "topicfilter/nunchi/*/label"),
                            ("iot:Receive", "topic/nunchi/*/label"),
                        )
                    ],
                }
            ),
        )
        created = self._iot.create_keys_and_certificate(setAsActive=True)  # without a thing
        self._iot.attach_policy(policyName=OBSERVER_POLICY, target=created["certificateArn"])
        return self._write(OBSERVER, created["certificatePem"], created["keyPair"]["PrivateKey"])

    def _keep(self, identity: Identity) -> tuple[Path, Path]:
        return self._write(identity.thing, identity.certificate_pem, identity.private_key)

    def _write(self, name: str, certificate: str, private_key: str) -> tuple[Path, Path]:
        cert, key = self._certs / f"{name}.cert.pem", self._certs / f"{name}.key.pem"
        write_new({key: (private_key, 0o600), cert: (certificate, 0o644)})
        return cert, key
