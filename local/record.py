"""What a cloud says of itself: the object of `nunchi status --json`, kept in the state folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3
import botocore.session
from botocore.config import Config

REGION: Final = "ap-northeast-2"  # Seoul
# ministack's root key. Nothing but the loopback interface hears it, so it is no secret.
ROOT_KEY: Final = "test"
ROOT_SECRET: Final = "test"  # noqa: S105


class State(StrEnum):
    """Whether a cloud can be used."""

    UP = "up"
    STARTING = "starting"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Mqtt:
    """How to hear labels: MQTT 5 over TLS 1.2+ with this certificate, as `client_id` (None: any that is free)."""

    host: str
    port: int
    ca: Path
    cert: Path
    key: Path
    topic: str
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """The resident process. `model` is what its /health says: name, version, digest."""

    pid: int | None
    socket: Path
    model: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of the local cloud, for any AWS client."""

    access_key_id: str = ROOT_KEY
    secret_access_key: str = ROOT_SECRET


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A running cloud, for whoever wants to join in.

    `mqtt` is for listening: any number of clients, under any id. `device` is the kiosk itself, under the policy that
    AWS will hold it to: one connection, as thing `kiosk`.
    """

    region: str
    endpoints: Mapping[str, str]
    buckets: Mapping[str, str]
    queues: Mapping[str, str]
    mqtt: Mqtt
    device: Mqtt
    kiosk: str
    instance: str
    worker: Worker
    credentials: Credentials = field(default_factory=Credentials)
    state: State = State.UP

    def to_json(self) -> str:
        """One line of JSON; paths as text."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record that `to_json` wrote."""
        fields = json.loads(text)
        return cls(
            **{name: fields[name] for name in ("region", "endpoints", "buckets", "queues", "kiosk", "instance")},
            mqtt=_mqtt(fields["mqtt"]),
            device=_mqtt(fields["device"]),
            worker=Worker(fields["worker"]["pid"], Path(fields["worker"]["socket"]), fields["worker"]["model"]),
            credentials=Credentials(**fields["credentials"]),
            state=State(fields["state"]),
        )

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud, whatever AWS settings the environment holds."""
        return client(service, endpoint=self.endpoints[service], region=self.region)


def client(service: str, *, endpoint: str, region: str) -> Any:
    """A boto3 client for an endpoint of the local cloud."""
    return _session().client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_SECRET,
        # A proxy is for the internet. Addresses of buckets as paths: the host name of a bucket would not resolve.
        config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5}),
    )


@cache
def _session() -> boto3.Session:
    """A session that asks no environment variable and no file: a caller's profile, or a broken ~/.aws/config, is as
    nothing here."""
    asked_nowhere = {
        name: (in_file, None, default, convert)
        for name, (in_file, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    nothing = (None, None, os.devnull, None)
    return boto3.Session(
        botocore_session=botocore.session.Session(
            session_vars=asked_nowhere | {"config_file": nothing, "credentials_file": nothing}
        )
    )


def _mqtt(fields: Mapping[str, Any]) -> Mqtt:
    paths = {name: Path(fields[name]) for name in ("ca", "cert", "key")}
    return Mqtt(**{**fields, **paths})
