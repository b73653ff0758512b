"""Labels down: MQTT 5 over mutual TLS, connected again whenever the connection breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.backoff import full_jitter
from contracts.errors import ContractError
from contracts.messages import LabelMessage
from contracts.names import label_topic
from kiosk.errors import SubscriptionRefused
from mqtt.client import Client, Message, MqttError, connection

log = logging.getLogger(__name__)

REFUSED: Final = 0x80  # MQTT 5: reason codes from here on are refusals


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it. Two connections under one client id push each other out."""

    host: str
    port: int
    ca: Path
    cert: Path
    key: Path
    client_id: str


class Subscriber:
    """The labels of one kiosk, as they come.

    It does not hold `expires_at` against this machine's clock, which may be wrong: whoever waits for a label knows how
    long (see kiosk.counter). No label lies in wait here either: the broker keeps none for this client while it is away.

    `subscribed` is set while the broker has our subscription: an upload before that could miss its label.
    """

    def __init__(self, broker: Broker, *, kiosk_id: str) -> None:
        self._broker = broker
        self._topic = label_topic(kiosk_id)
        self.subscribed = asyncio.Event()

    async def labels(self) -> AsyncIterator[LabelMessage]:
        """Every label of this kiosk, until cancelled. A broken connection is waited out and made again.

        Raises SubscriptionRefused when the certificate may not hear this topic.
        """
        attempt = 0
        while True:
            try:
                async with self._connection() as client:
                    await self._subscribe(client)
                    attempt = 0
                    async for message in client.messages:
                        label = self._read(message)
                        if label is not None:
                            yield label
            except (MqttError, OSError) as error:
                self.subscribed.clear()
                pause = full_jitter(attempt)
                attempt += 1
                log.warning("broker %s:%d: %s; again in %.1f s", self._broker.host, self._broker.port, error, pause)
                await asyncio.sleep(pause)
            finally:
                self.subscribed.clear()

    def _connection(self) -> Client:
        to = self._broker
        return connection(to.host, to.port, client_id=to.client_id, ca=to.ca, cert=to.cert, key=to.key)

    async def _subscribe(self, client: Client) -> None:
        for code in await client.subscribe(self._topic, qos=1):
            value = code if isinstance(code, int) else code.value
            if value >= REFUSED:
                raise SubscriptionRefused(
                    f"the broker refuses {self._topic} to {self._broker.client_id} ({code}): "
                    "use the certificate of that kiosk"
                )
        self.subscribed.set()

    def _read(self, message: Message) -> LabelMessage | None:
        payload = message.payload if isinstance(message.payload, bytes) else str(message.payload)
        try:
            label = LabelMessage.from_json(payload)
        except ContractError as error:
            log.warning("message on %s ignored: %s", message.topic, error)
            return None
        if label_topic(label.reference.kiosk_id) != self._topic:
            log.warning("label of %s ignored: it is not for %s", label.reference, self._topic)
            return None
        return label
