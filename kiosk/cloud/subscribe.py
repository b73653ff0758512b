"""Receives labels: MQTT 5 over mutual TLS, with automatic reconnect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic

from contracts.errors import ContractError
from contracts.formulas.backoff import full_jitter
from contracts.names import label_topic
from kiosk.cloud.counter import M
from kiosk.errors import SubscriptionRefused
from mqtt.client import Broker, Client, Message, MqttError, connection
from mqtt.reconnecting import Backoff, reason_of

log = logging.getLogger(__name__)

FAILURE: Final = 0x80  # MQTT 5: reason codes from here on are failures


class Subscriber(Generic[M]):
    """The messages of one kiosk, as they arrive; `read` parses one, and raises ContractError if it is invalid.

    It ignores `expires_at`, because this machine's clock may be wrong: kiosk.cloud.counter has its own timeout. No old
    label arrives after a reconnect, because the broker stores none for a client that is offline.

    `subscribed` is set while the subscription is active: the label of an earlier upload could be missed. `failed` gets
    the error of each connection that breaks or can't be made.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        kiosk_id: str,
        read: Callable[[str | bytes], M],
        failed: Callable[[MqttError | OSError], None] = lambda _: None,
    ) -> None:
        self._broker = broker
        self._parse = read
        self._failed = failed
        self._topic = label_topic(kiosk_id)
        self.subscribed = asyncio.Event()

    async def labels(self) -> AsyncIterator[M]:
        """Every label of this kiosk, until cancelled. Reconnects with backoff when the connection breaks.

        SubscriptionRefused when the certificate may not subscribe to the topic.
        """
        backoff = Backoff(full_jitter)
        while True:
            try:
                async with connection(self._broker) as client:
                    await self._subscribe(client)
                    backoff.connected()
                    async for message in client.messages:
                        label = self._read(message)
                        if label is not None:
                            yield label
            except (MqttError, OSError) as error:
                self.subscribed.clear()
                self._failed(error)
                pause = backoff.pause_after(error)
                reason = reason_of(error, self._broker.client_id)
                log.warning("broker %s: %s; reconnecting in %.1f s", self._broker, reason, pause)
                await asyncio.sleep(pause)
            finally:
                self.subscribed.clear()

    async def _subscribe(self, client: Client) -> None:
        for code in await client.subscribe(self._topic, qos=1):
            value = code if isinstance(code, int) else code.value
            if value >= FAILURE:
                raise SubscriptionRefused(
                    f"the broker refuses the subscription of {self._broker.client_id} to {self._topic} ({code}): "
                    "use the certificate of that kiosk"
                )
        self.subscribed.set()

    def _read(self, message: Message) -> M | None:
        payload = message.payload if isinstance(message.payload, bytes) else str(message.payload)
        try:
            label = self._parse(payload)
        except ContractError as error:
            log.warning("message on %s ignored: %s", message.topic, error)
            return None
        if label_topic(label.reference.kiosk_id) != self._topic:
            log.warning("label of %s ignored: it does not belong to topic %s", label.reference, self._topic)
            return None
        return label
