"""An MQTT 5 client over mutual TLS: aiomqtt's, with what it lacks put right.

aiomqtt drops the reason code of a PUBACK, so a message that the broker refuses looks delivered. And a connection that
fails or is cancelled leaves its socket and its task. Neither can be mended from outside: this module uses members that
aiomqtt calls private, those of version 2.5.1, and no other module does. tests/mqtt/test_client.py names each of them.
"""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any, Final, Self

import aiomqtt
from aiomqtt import Message, MqttError, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

__all__ = ["Client", "Message", "MqttError", "ReasonCode", "Will", "connection", "json_expiring_in"]

KEEPALIVE_S: Final = 20  # a dead broker is noticed within 1.5 times this, or at the next message
ANSWER_S: Final = 5.0  # for CONNACK, SUBACK and PUBACK


class Client(aiomqtt.Client):
    """Keeps the broker's refusal of a message, and leaves neither socket nor task when connecting fails.

    `refusal` is the reason code of the last PUBACK that refused; set it to None before the message that it is about.
    """

    refusal: ReasonCode | None = None

    async def __aenter__(self) -> Self:
        connecting = asyncio.ensure_future(super().__aenter__())
        try:
            return await asyncio.shield(connecting)
        except BaseException:
            self._connected.cancel()  # no CONNACK is waited for any more
            await asyncio.wait({connecting})  # a thread opens the socket, and can't be stopped
            self._client._sock_close()
            raise

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        if reason_code.is_failure:
            self.refusal = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)


def connection(
    host: str, port: int, *, client_id: str, ca: Path, cert: Path, key: Path, will: Will | None = None
) -> Client:
    """A client that connects when it is entered: MqttError or OSError when it can't, ValueError for unusable keys.

    Needs a running event loop. Two connections under one client id push each other out.
    """
    return Client(
        host,
        port,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        will=will,
        tls_params=aiomqtt.TLSParameters(ca_certs=str(ca), certfile=str(cert), keyfile=str(key)),
        keepalive=KEEPALIVE_S,
        timeout=ANSWER_S,
    )


def json_expiring_in(seconds: float) -> Properties:
    """Properties of a PUBLISH of JSON, which the broker keeps for so long, in whole seconds and one at least."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = max(1, math.ceil(seconds))
    properties.ContentType = "application/json"
    return properties
