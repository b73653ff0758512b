"""An MQTT 5 client over mutual TLS: aiomqtt's, with four defects fixed.

aiomqtt drops the reason code of a PUBACK, so a message that the broker refuses looks delivered. A connection that fails
or is cancelled leaks its socket and its task. One that breaks while something else is waited for, as a subscription is,
leaves an exception that Python reports as never retrieved. And in Python 3.11 a cancellation is lost that arrives
together with an acknowledgement (asyncio.wait_for, python/cpython#86296): the task runs on and a stop waits for ever.
The fixes need private members of aiomqtt, those of version 2.5.1; no other module uses them, and
tests/mqtt/test_client.py names each.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiomqtt
from aiomqtt import Message, MqttError, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

__all__ = [
    "Broker",
    "Client",
    "Message",
    "MqttError",
    "ReasonCode",
    "Will",
    "code_of",
    "connection",
    "json_expiring_in",
    "network_error_of",
]

T = TypeVar("T")

KEEPALIVE_S: Final = 20  # a dead broker is noticed within 1.5 times this, or at the next message
TIMEOUT_S: Final = 5.0  # for CONNACK, SUBACK and PUBACK
# MQTT 5, 2.4: reason codes of CONNACK and DISCONNECT.
NOT_AUTHORIZED: Final = 0x87
SESSION_TAKEN_OVER: Final = 0x8E  # another client has connected under this client's id


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """The broker's address, and this client's certificate and id. Clients that share an id disconnect each other."""

    host: str
    port: int
    ca: Path
    cert: Path
    key: Path
    client_id: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Client(aiomqtt.Client):
    """Records the reason code of a refused message, closes what a failed connection opened, and can be cancelled.

    `refusal` is the reason code of the last PUBACK with a failure; set it to None before each publish.
    """

    refusal: ReasonCode | None = None

    def __init__(self, hostname: str, port: int = 8883, **settings: Any) -> None:
        super().__init__(hostname, port, **settings)
        for future in (self._connected, self._disconnected):
            future.add_done_callback(_retrieve)

    async def __aenter__(self) -> Self:
        connecting = asyncio.ensure_future(super().__aenter__())
        try:
            return await asyncio.shield(connecting)
        except BaseException:
            self._connected.cancel()  # stop waiting for CONNACK
            await asyncio.wait({connecting})  # a thread opens the socket, and can't be stopped
            self._client._sock_close()
            _retrieve(connecting)
            raise

    async def __aexit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: Any) -> None:
        """A call that failed because the broker ended the connection has its reason as the cause; see `code_of`."""
        if isinstance(exc, MqttError) and exc.__cause__ is None and self._disconnected.done():
            exc.__cause__ = None if self._disconnected.cancelled() else self._disconnected.exception()
        await super().__aexit__(exc_type, exc, tb)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise MqttError("the broker did not answer in time") from None

    async def _misc_loop(self) -> None:
        """It runs in a task that aiomqtt awaits only when it has ended well."""
        try:
            await super()._misc_loop()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is lost
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        if reason_code.is_failure:
            self.refusal = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Mark its exception as seen: whoever waits for the connection gets it, or an error of its own."""
    if not future.cancelled():
        future.exception()


def connection(broker: Broker, *, will: Will | None = None) -> Client:
    """A client that connects when it is entered: MqttError or OSError when that fails, ValueError for invalid keys.

    Needs a running event loop.
    """
    return Client(
        broker.host,
        broker.port,
        identifier=broker.client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        will=will,
        tls_params=aiomqtt.TLSParameters(ca_certs=str(broker.ca), certfile=str(broker.cert), keyfile=str(broker.key)),
        keepalive=KEEPALIVE_S,
        timeout=TIMEOUT_S,
    )


def json_expiring_in(seconds: float) -> Properties:
    """Properties of a PUBLISH of JSON that expires after `seconds`, rounded up to whole seconds, at least one."""
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = max(1, math.ceil(seconds))
    properties.ContentType = "application/json"
    return properties


def code_of(error: BaseException) -> int | None:
    """The MQTT reason code with which the broker refused or ended a connection; None where it gave none."""
    for each in (error, error.__cause__):  # aiomqtt's error of a lost connection has the broker's as its cause
        if isinstance(code := getattr(each, "rc", None), ReasonCode):
            return code.value
    return None


def network_error_of(error: BaseException) -> OSError | None:
    """The error of the socket behind a failed connection; None where the broker itself answered."""
    if isinstance(error, OSError):
        return error
    below = error.__context__  # aiomqtt raises its own error from None
    return below if isinstance(below, OSError) and isinstance(error, MqttError) else None
