"""Publishes labels over MQTT 5: one persistent TLS connection, QoS 1, an expiry on every label, a last will.

connecting ──► connected ──► (broken) ──► wait with jitter ──► connecting
                  │
            publish(): waits here for a connection, until the label expires
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from contracts.formulas.backoff import full_jitter
from contracts.instants import now
from contracts.messages import Model, WorkerState, WorkerStatus
from contracts.names import label_topic, worker_status_topic
from mqtt.client import Broker, Client, MqttError, ReasonCode, Will, connection, json_expiring_in
from mqtt.reconnecting import Backoff, reason_of
from worker.messages import Message

log = logging.getLogger(__name__)

STATUS_PERIOD_S: Final = 60.0
LAST_STATUS_TIMEOUT_S: Final = 1.0  # of a status while stopping; the last will says the same
QUOTA_EXCEEDED: Final = 0x97  # MQTT 5, 3.4.2.1: too much for now


class PublishOutcome(StrEnum):
    """How the publishing of a label ended."""

    DELIVERED = "delivered"  # the broker acknowledged it
    EXPIRED = "expired"  # the label expired before the broker acknowledged it
    REFUSED = "refused"  # the broker refused it for good


class Publisher(Protocol):
    """The port to the broker."""

    async def publish(self, message: Message) -> PublishOutcome:
        """Publish the message; while the broker is unreachable, waits until the message expires."""
        ...


class MqttPublisher:
    """The publisher on a real broker. `run` keeps the connection; `publish` uses it."""

    def __init__(self, broker: Broker, model: Callable[[], Model], *, status_period_s: float = STATUS_PERIOD_S) -> None:
        self._broker = broker
        self._model = model
        self._state = WorkerState.READY
        self._status_period_s = status_period_s
        self._topic = worker_status_topic(broker.client_id)
        self._client: Client | None = None
        self._publish_lock = asyncio.Lock()
        self._connected = asyncio.Event()
        self._broken = asyncio.Event()
        self._since = now()

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled; then publish the status `offline`."""
        backoff = Backoff(full_jitter)
        while True:
            try:
                async with self._connection() as client:
                    backoff.connected()
                    await self._serve(client)
            except (MqttError, OSError, ValueError) as error:
                # paho raises ValueError for a certificate or key that it can't use. It may be replaced meanwhile.
                if (task := asyncio.current_task()) and task.cancelling():
                    raise asyncio.CancelledError from error  # only the last status failed
                pause_s = backoff.pause_after(error)
                reason = reason_of(error, self._broker.client_id)
                log.warning("no connection to broker %s (%s); trying again in %.1f s", self._broker, reason, pause_s)
                await asyncio.sleep(pause_s)

    def _connection(self) -> Client:
        self._since = now()
        will = Will(self._topic, self._status(WorkerState.OFFLINE), qos=1, retain=True)
        return connection(self._broker, will=will)

    async def _serve(self, client: Client) -> None:
        try:
            await self._publish_status(client)
            self._client = client
            self._broken.clear()
            self._connected.set()
            log.info("connected to broker %s", self._broker)
            await _first_to_end(_until_disconnected(client), self._broken.wait(), self._republish_status(client))
            raise MqttError("the connection does not answer")
        except asyncio.CancelledError:
            client.timeout = LAST_STATUS_TIMEOUT_S
            with contextlib.suppress(MqttError):
                await client.publish(self._topic, self._status(WorkerState.OFFLINE), qos=1, retain=True)
            raise
        finally:
            self._connected.clear()
            self._client = None

    async def _publish_status(self, client: Client) -> None:
        await client.publish(self._topic, self._status(self._state), qos=1, retain=True)

    async def _republish_status(self, client: Client) -> None:
        """The last will of a broken connection may arrive after the first status of the next one, and be retained."""
        while True:
            await asyncio.sleep(self._status_period_s)
            async with self._publish_lock:  # its acknowledgement must not be taken for a label's
                await self._publish_status(client)

    async def announce(self, state: WorkerState) -> None:
        """Set the state, and publish it on the retained status topic: now if connected, otherwise when connected."""
        self._state = state
        if self._client is not None:
            try:
                await self._client.publish(
                    self._topic, self._status(state), qos=1, retain=True, timeout=LAST_STATUS_TIMEOUT_S
                )
            except MqttError as error:
                log.warning("status %s was not published: %s", state, error)

    async def publish(self, message: Message) -> PublishOutcome:
        attempt = 0
        while (remaining_s := _seconds_until(message.expires_at)) > 0:
            try:
                async with asyncio.timeout(remaining_s):
                    await self._connected.wait()
                    refusal = await self._send(message)
            except TimeoutError:
                break
            except MqttError as error:
                log.warning("the label of %s was not acknowledged (%s); it is sent again", message.reference, error)
                continue
            if refusal is None:
                return PublishOutcome.DELIVERED
            log.error("the broker refused the label of %s: %s", message.reference, refusal)
            if refusal.value != QUOTA_EXCEEDED:
                return PublishOutcome.REFUSED
            await asyncio.sleep(full_jitter(attempt))
            attempt += 1
        return PublishOutcome.EXPIRED

    async def _send(self, message: Message) -> ReasonCode | None:
        """The broker's refusal, None when it acknowledged the message; MqttError when it did not answer."""
        async with self._publish_lock:  # so that the next acknowledgement belongs to this message
            client = self._client
            if client is None:
                raise MqttError("the connection broke")
            # The broker keeps the label until it expires, for a kiosk that is just reconnecting.
            properties = json_expiring_in(_seconds_until(message.expires_at))
            client.refusal = None
            try:
                topic = label_topic(message.reference.kiosk_id)
                await client.publish(topic, message.to_json(), qos=1, properties=properties)
            except MqttError:
                if self._client is client:
                    self._connected.clear()
                    self._broken.set()
                raise
            return client.refusal

    def _status(self, state: WorkerState) -> str:
        return WorkerStatus(self._broker.client_id, state, self._model(), self._since).to_json()


async def _until_disconnected(client: Client) -> None:
    async for _ in client.messages:  # nothing is subscribed to; the iterator raises when the connection breaks
        pass


async def _first_to_end(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Run them until one ends; cancel the others; raise what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _seconds_until(instant: datetime) -> float:
    return (instant - now()).total_seconds()
