"""Labels out over MQTT 5: one TLS connection that lasts, QoS 1, an expiry on every label, a last will.

connecting ──► connected ──► (broken) ──► wait a random while ──► connecting
                  │
            publish(): waits here for a connection, but never past the label's expiry
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from contracts.backoff import full_jitter
from contracts.instants import now
from contracts.messages import LabelMessage, Model, WorkerState, WorkerStatus
from contracts.names import label_topic, worker_status_topic
from mqtt.client import Client, MqttError, ReasonCode, Will, connection, json_expiring_in

log = logging.getLogger(__name__)

SAY_AGAIN_EVERY_S: Final = 60.0
GOODBYE_S: Final = 1.0  # for each word of a goodbye; the last will says the same
QUOTA_EXCEEDED: Final = 0x97  # MQTT 5, 3.4.2.1: too much for now


class PublishOutcome(StrEnum):
    """How the telling of a label went."""

    DELIVERED = "delivered"  # the broker acknowledged it
    EXPIRED = "expired"  # it was no news any more before that
    REFUSED = "refused"  # the broker will not take it from us


class Publisher(Protocol):
    """Where labels go."""

    async def publish(self, message: LabelMessage) -> PublishOutcome:
        """Give the message to the broker; waits out a broker that is away, but never past the message's expiry."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it."""

    host: str
    port: int
    ca: Path
    cert: Path
    key: Path
    instance_id: str


class MqttPublisher:
    """The publisher on a real broker. `run` keeps the connection; `publish` uses it."""

    def __init__(
        self, broker: Broker, model: Callable[[], Model], *, say_again_every_s: float = SAY_AGAIN_EVERY_S
    ) -> None:
        self._broker = broker
        self._model = model
        self._state = WorkerState.READY
        self._say_again_every_s = say_again_every_s
        self._topic = worker_status_topic(broker.instance_id)
        self._client: Client | None = None
        self._one_at_a_time = asyncio.Lock()
        self._up = asyncio.Event()
        self._broken = asyncio.Event()
        self._since = now()

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    async def run(self) -> None:
        """Connect, stay connected, connect again; until cancelled, when it says goodbye."""
        attempt = 0
        while True:
            try:
                async with self._connection() as client:
                    attempt = 0
                    await self._serve(client)
            except (MqttError, OSError, ValueError) as error:
                # ValueError: paho's word for a certificate or key that it can't use. It may be mended while we run.
                if (task := asyncio.current_task()) and task.cancelling():
                    raise asyncio.CancelledError from error  # the goodbye failed, and the goodbye was all we wanted
                pause = full_jitter(attempt)
                attempt += 1
                log.warning("broker %s:%d: %s; again in %.1f s", self._broker.host, self._broker.port, error, pause)
                await asyncio.sleep(pause)

    def _connection(self) -> Client:
        self._since = now()
        will = Will(self._topic, self._status(WorkerState.OFFLINE), qos=1, retain=True)
        to = self._broker
        return connection(to.host, to.port, client_id=to.instance_id, ca=to.ca, cert=to.cert, key=to.key, will=will)

    async def _serve(self, client: Client) -> None:
        try:
            await self._say_state(client)
            self._client = client
            self._broken.clear()
            self._up.set()
            log.info("connected to broker %s:%d", self._broker.host, self._broker.port)
            await _first_to_end(_until_disconnected(client), self._broken.wait(), self._say_state_again(client))
            raise MqttError("the connection does not answer")
        except asyncio.CancelledError:
            client.timeout = GOODBYE_S
            with contextlib.suppress(MqttError):
                await client.publish(self._topic, self._status(WorkerState.OFFLINE), qos=1, retain=True)
            raise
        finally:
            self._up.clear()
            self._client = None

    async def _say_state(self, client: Client) -> None:
        await client.publish(self._topic, self._status(self._state), qos=1, retain=True)

    async def _say_state_again(self, client: Client) -> None:
        """The last will of a connection that broke may come after the first word of the next one, and stay."""
        while True:
            await asyncio.sleep(self._say_again_every_s)
            async with self._one_at_a_time:  # its answer must not be taken for a label's
                await self._say_state(client)

    async def announce(self, state: WorkerState) -> None:
        """Say the state on the worker's retained status topic: now, if there is a connection, and from now on."""
        self._state = state
        if self._client is not None:
            try:
                await self._client.publish(self._topic, self._status(state), qos=1, retain=True, timeout=GOODBYE_S)
            except MqttError as error:
                log.warning("status %s was not delivered: %s", state, error)

    async def publish(self, message: LabelMessage) -> PublishOutcome:
        attempt = 0
        while (left_s := _seconds_until(message.expires_at)) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._up.wait()
                    refusal = await self._send(message)
            except TimeoutError:
                break
            except MqttError as error:
                log.warning("label of %s was not acknowledged: %s; again after reconnecting", message.reference, error)
                continue
            if refusal is None:
                return PublishOutcome.DELIVERED
            log.error("the broker refuses the label of %s: %s", message.reference, refusal)
            if refusal.value != QUOTA_EXCEEDED:
                return PublishOutcome.REFUSED
            await asyncio.sleep(full_jitter(attempt))
            attempt += 1
        return PublishOutcome.EXPIRED

    async def _send(self, message: LabelMessage) -> ReasonCode | None:
        """The broker's refusal, None when it took the message; MqttError when it did not answer."""
        async with self._one_at_a_time:  # so that an answer is the answer to this message
            client = self._client
            if client is None:
                raise MqttError("the connection broke")
            # The broker keeps the label no longer than it is news, for a kiosk that is just reconnecting.
            properties = json_expiring_in(_seconds_until(message.expires_at))
            client.refusal = None
            try:
                topic = label_topic(message.reference.kiosk_id)
                await client.publish(topic, message.to_json(), qos=1, properties=properties)
            except MqttError:
                if self._client is client:
                    self._up.clear()
                    self._broken.set()
                raise
            return client.refusal

    def _status(self, state: WorkerState) -> str:
        return WorkerStatus(self._broker.instance_id, state, self._model(), self._since).to_json()


async def _until_disconnected(client: Client) -> None:
    async for _ in client.messages:  # nothing is subscribed to; the iterator raises when the connection breaks
        pass


async def _first_to_end(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Run them until one ends; cancel the others; raise what the first one raised."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
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
