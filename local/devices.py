"""Things and certificates: who may speak MQTT to the local broker, and as whom."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

OBSERVER: Final = "observer"
OBSERVER_POLICY: Final = "nunchi-local-observer"


class Registry:
    """Makes devices known to IoT Core, and keeps their keys in a folder, readable by its owner only."""

    def __init__(self, iot: IoTClient, *, endpoint: str, certs: Path) -> None:
        self._iot = iot
        self._endpoint = endpoint
        self._certs = certs

    def fetch_ca(self) -> Path:
        """The file of the authority that signed the broker's certificate."""
        path = self._certs / "ca.pem"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self._endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:
            path.write_bytes(answer.read())
        return path

    def add_thing(self, name: str, *, policy: str) -> tuple[Path, Path]:
        """A thing with a certificate of its own under `policy`; the files of certificate and key."""
        self._iot.create_thing(thingName=name)
        arn, cert, key = self._add_certificate(name, policy)
        self._iot.attach_thing_principal(thingName=name, principal=arn)
        return cert, key

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
        _, cert, key = self._add_certificate(OBSERVER, OBSERVER_POLICY)
        return cert, key

    def _add_certificate(self, name: str, policy: str) -> tuple[str, Path, Path]:
        made = self._iot.create_keys_and_certificate(setAsActive=True)
        self._iot.attach_policy(policyName=policy, target=made["certificateArn"])
        cert, key = self._certs / f"{name}.cert.pem", self._certs / f"{name}.key.pem"
        cert.write_text(made["certificatePem"])
        key.touch(mode=0o600)
        key.write_text(made["keyPair"]["PrivateKey"])
        return made["certificateArn"], cert, key


def worker_keys(iam: Any, access_policy: str) -> dict[str, str]:
    """Keys of an identity that may do what the pipeline lets a worker do, and nothing else; as environment variables.

    On AWS the instance's role has that policy. There is no instance here to take a role.
    """
    iam.create_user(UserName="worker")
    iam.attach_user_policy(UserName="worker", PolicyArn=access_policy)
    key = iam.create_access_key(UserName="worker")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
