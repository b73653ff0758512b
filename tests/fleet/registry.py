"""AWS IoT as moto has it, and ways to make a call of it fail."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

POLICY = "kiosks"
REGION = "eu-west-1"


@contextmanager
def registry() -> Generator[IoTClient, None, None]:
    """An empty registry with the kiosks' policy, for as long as the block lasts."""
    with mock_aws():
        iot = boto3.client("iot", region_name=REGION)
        iot.create_policy(policyName=POLICY, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        yield iot


def fail(iot: IoTClient, operation: str, code: str = "InternalFailureException", *, times: int = 1_000) -> None:
    """Let the next `times` calls of an operation fail, before they do anything."""
    left = [times]

    def refuse(**_: Any) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise ClientError({"Error": {"Code": code, "Message": "out of order"}}, operation)

    iot.meta.events.register(f"before-call.iot.{operation}", refuse)


def count_calls(iot: IoTClient) -> list[str]:
    """The operations that are called from now on, in a list that grows."""
    called: list[str] = []
    iot.meta.events.register("before-call.iot.*", lambda model, **_: called.append(model.name))
    return called


def left_in(iot: IoTClient) -> tuple[list[str], int]:
    """The names of all things, and the number of certificates."""
    things = [thing["thingName"] for thing in iot.list_things()["things"]]
    return things, len(iot.list_certificates()["certificates"])
