"""An error of a connection becomes a part, a state, and a sentence for the staff."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from aiomqtt import MqttCodeError
from botocore.exceptions import ClientError, EndpointConnectionError
from paho.mqtt.packettypes import PacketTypes

from kiosk.device.health import CloudState, Part, Trouble, explain, worst
from kiosk.errors import CredentialsRefused, CredentialsUnavailable, NoAnswer, SubscriptionRefused
from mqtt.client import MqttError, ReasonCode


def _code(value: int) -> MqttError:
    code = ReasonCode(PacketTypes.DISCONNECT, identifier=value)
    return MqttCodeError(code)


def _lost(value: int) -> MqttError:
    """As aiomqtt reports a lost connection."""
    lost = MqttError("Disconnected during message iteration")
    lost.__cause__ = _code(value)
    return lost


def _from_socket(error: OSError) -> MqttError:
    """As aiomqtt reports a connection that can't be made."""
    try:
        try:
            raise error
        except OSError as low:
            raise MqttError(str(low)) from None
    except MqttError as high:
        return high


def _aws(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "part", "state"),
    [
        (_lost(0x8E), Part.KEY, CloudState.REFUSED),
        (_code(0x87), Part.KEY, CloudState.REFUSED),
        (SubscriptionRefused("no"), Part.KEY, CloudState.REFUSED),
        (CredentialsRefused("no"), Part.KEY, CloudState.REFUSED),
        (_aws("AccessDenied"), Part.KEY, CloudState.REFUSED),
        (_aws("RequestTimeTooSkewed"), Part.CLOCK, CloudState.REFUSED),
        (_aws("SlowDown"), Part.STORAGE, CloudState.OFF),
        (EndpointConnectionError(endpoint_url="http://s3"), Part.STORAGE, CloudState.OFF),
        (CredentialsUnavailable("busy"), Part.STORAGE, CloudState.OFF),
        (NoAnswer("no label within 8 s"), Part.LABELS, CloudState.LATE),
        (_from_socket(socket.gaierror(-2, "Name or service not known")), Part.NETWORK, CloudState.OFF),
        (_from_socket(OSError(errno.ENETUNREACH, "Network is unreachable")), Part.NETWORK, CloudState.OFF),
        (_from_socket(ConnectionRefusedError(111, "Connection refused")), Part.BROKER, CloudState.OFF),
        (_from_socket(ssl.SSLCertVerificationError("certificate verify failed")), Part.BROKER, CloudState.OFF),
        (TimeoutError(), Part.BROKER, CloudState.OFF),
        (MqttError("the broker did not answer in time"), Part.BROKER, CloudState.OFF),
    ],
)
def test_each_error_names_the_part_that_is_wrong(error: Exception, part: Part, state: CloudState) -> None:
    """Network, broker, key, clock, storage, labels."""
    trouble = explain(error, kiosk="shop1", where="broker.example")

    assert (trouble.part, trouble.state) == (part, state)


def test_a_twin_key_is_named_with_its_remedy() -> None:
    """Two devices with one key take each other's labels."""
    assert explain(_lost(0x8E), kiosk="shop1", where="broker.example").sentence == (
        "somebody else is connected as shop1: one key, one device. Two share it and push each other out; give each its "
        "own: nunchi kiosk add"
    )


def test_the_worst_trouble_is_the_state() -> None:
    """Refused before off, off before late; none is ok."""
    troubles = [Trouble(Part.LABELS, state, "") for state in (CloudState.LATE, CloudState.OFF, CloudState.REFUSED)]

    assert [worst(troubles[:count]) for count in range(4)] == ["ok", "late", "off", "refused"]
