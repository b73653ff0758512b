"""Who may speak MQTT to the local broker, and as whom: the fleet's own way, and what exists in local clouds only."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fleet.folder import write_new
from fleet.kiosks import ROLE, Kiosks
from fleet.things import Identity, Things
from local.record import OBSERVER

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

OBSERVER_POLICY: Final = "nunchi-local-observer"


class Registry:
    """Makes devices known to IoT Core, and keeps their keys in a folder, readable by its owner only."""

    def __init__(self, iot: IoTClient, *, endpoint: str, certs: Path) -> None:
        self._iot = iot
        self._endpoint = endpoint
        self._certs = certs

    def fetch_ca(self, *others: str) -> Path:
        """The file of the authority that signed the broker's certificate, and of `others`, in PEM."""
        path = self._certs / "ca.pem"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self._endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:
            path.write_text("".join([answer.read().decode(), *others]))
        return path

    def add_kiosk(self, name: str, *, policy: str) -> tuple[Path, Path]:
        """A kiosk, made as an operator's `nunchi kiosk add` makes it; the files of certificate and key."""
        return self._keep(Kiosks(self._iot, policy=policy).add(name))

    def add_worker(self, name: str, *, policy: str) -> tuple[Path, Path]:
        """The thing of a worker's instance; the files of certificate and key.

        On AWS an instance makes its own key, and asks for a certificate. There is no instance here to do so.
        """
        return self._keep(Things(self._iot).make(name, policy=policy, attributes={ROLE: "worker"}))

    def add_observer(self) -> tuple[Path, Path]:
        """A certificate that may hear every kiosk, under any client id; it exists in local clouds only.

        `nunchi send`, `nunchi watch` and strangers' tools use it: under the kiosk's own client id each would push the
        others off the broker.
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
        made = self._iot.create_keys_and_certificate(setAsActive=True)  # it is no thing's
        self._iot.attach_policy(policyName=OBSERVER_POLICY, target=made["certificateArn"])
        return self._write(OBSERVER, made["certificatePem"], made["keyPair"]["PrivateKey"])

    def _keep(self, identity: Identity) -> tuple[Path, Path]:
        return self._write(identity.thing, identity.certificate_pem, identity.private_key)

    def _write(self, name: str, certificate: str, private_key: str) -> tuple[Path, Path]:
        cert, key = self._certs / f"{name}.cert.pem", self._certs / f"{name}.key.pem"
        write_new({key: (private_key, 0o600), cert: (certificate, 0o644)})
        return cert, key


def worker_keys(iam: Any, access_policy: str) -> dict[str, str]:
    """Keys of an identity that may do what the pipeline lets a worker do, and nothing else; as environment variables.

    On AWS the instance's role has that policy. There is no instance here to take a role.
    """
    iam.create_user(UserName="worker")
    iam.attach_user_policy(UserName="worker", PolicyArn=access_policy)
    key = iam.create_access_key(UserName="worker")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
