"""The record of a running cloud: the object of `nunchi status --json`, stored in the state folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from config.mode import Mode

REGION: Final = "ap-northeast-2"  # Seoul
# ministack's root key. It works on the loopback interface only, so it is not a secret.
ROOT_KEY: Final = "test"
ROOT_SECRET: Final = "test"  # noqa: S105
OBSERVER: Final = "observer"  # its certificate may subscribe to every kiosk; see local/aws/iot_devices.py


class CloudState(StrEnum):
    """Whether a cloud can be used."""

    UP = "up"
    STARTING = "starting"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Mqtt:
    """How to receive labels: MQTT 5 over TLS 1.2+ with this certificate, as `client_id` (None: any unused one)."""

    host: str
    port: int
    ca: Path
    cert: Path
    key: Path
    topic: str
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker. `pid` is None until it is ready; `model` is from its /health: name, version, digest."""

    instance: str
    pid: int | None
    socket: Path
    model: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ScreenRecord:
    """The page of the kiosk at this machine: its address, and the kiosk whose certificate its agent holds."""

    url: str
    kiosk: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of the local cloud, for any AWS client."""

    access_key_id: str = ROOT_KEY
    secret_access_key: str = ROOT_SECRET


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Addresses, keys and processes of a running cloud.

    `mqtt` is for observers: any number of clients, under any id. `device` is the kiosk itself, under the policy that it
    has on AWS: one connection, as thing `kiosk`. In mode `command` there is one worker.
    """

    region: str
    endpoints: Mapping[str, str]
    buckets: Mapping[str, str]
    tables: Mapping[str, str]
    queues: Mapping[str, str]
    mqtt: Mqtt
    device: Mqtt
    kiosk: str
    mode: Mode
    workers: tuple[WorkerRecord, ...]
    credentials_url: str  # of the kiosks' credential provider
    recipe: str  # what its workers look for and ask
    gate: float  # confidence from which the workers' labels become training data
    credentials: Credentials = field(default_factory=Credentials)
    screen: ScreenRecord | None = None
    state: CloudState = CloudState.UP
    training: bool = False  # whether it can retrain

    def to_json(self) -> str:
        """One line of JSON; paths as text. `worker` and `instance` repeat those of the first worker."""
        return json.dumps(asdict(self) | {"worker": asdict(self.worker), "instance": self.instance}, default=str)

    @property
    def worker(self) -> WorkerRecord:
        """The first worker; in mode `command` the only one."""
        return self.workers[0]

    @property
    def instance(self) -> str:
        return self.worker.instance

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Parse what `to_json` wrote."""
        fields = json.loads(text)
        del fields["worker"], fields["instance"]
        converted = {
            "mqtt": _mqtt(fields["mqtt"]),
            "device": _mqtt(fields["device"]),
            "mode": Mode(fields["mode"]),
            "workers": tuple(WorkerRecord(**each | {"socket": Path(each["socket"])}) for each in fields["workers"]),
            "credentials": Credentials(**fields["credentials"]),
            "screen": None if fields["screen"] is None else ScreenRecord(**fields["screen"]),
            "state": CloudState(fields["state"]),
        }
        return cls(**fields | converted)

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud, whatever AWS settings the environment holds."""
        from local.aws.clients import client  # noqa: PLC0415 - boto3 takes half a second, and most readers need no client

        return client(service, endpoint=self.endpoints[service], region=self.region)


def _mqtt(fields: Mapping[str, Any]) -> Mqtt:
    paths: dict[str, Any] = {name: Path(fields[name]) for name in ("ca", "cert", "key")}
    return Mqtt(**{**fields, **paths})
