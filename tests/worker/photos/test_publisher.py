"""Labels over a real broker: MQTT 5, mutual TLS, in good and bad networks."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contracts.instants import now
from contracts.messages import WorkerState
from contracts.names import label_topic, worker_status_topic
from local.ports import LOOPBACK, free_ports
from mqtt.client import Broker
from recipes.kiosk.message import LabelMessage
from tests.broker import Cable, IoTCore, iot_core, self_signed
from tests.fakes import MODEL
from tests.recipes.kiosk.test_message import GOLDEN
from tests.waiting import until_async
from worker.photos.publisher import MqttPublisher, PublishOutcome

pytestmark = pytest.mark.anyio

LABELS, STATUS = label_topic("demo"), worker_status_topic("i-1")


@pytest.fixture(scope="module")
def iot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IoTCore]:
    with iot_core(tmp_path_factory.mktemp("iot")) as core:
        yield core


def fresh(*, lives: timedelta = timedelta(seconds=30)) -> LabelMessage:
    return replace(GOLDEN, expires_at=now() + lives)


def broker_at(iot: IoTCore, port: int | None = None) -> Broker:
    return Broker(host=LOOPBACK, port=port or iot.port, ca=iot.ca, cert=iot.cert, key=iot.key, client_id="i-1")


@asynccontextmanager
async def publishing(broker: Broker, *, status_period_s: float = 60.0) -> AsyncGenerator[MqttPublisher, None]:
    publisher = MqttPublisher(broker, lambda: MODEL, status_period_s=status_period_s)
    running = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def hearing(iot: IoTCore, *topics: str) -> AsyncGenerator[asyncio.Queue[aiomqtt.Message], None]:
    """Everything said on the topics, by a subscriber that is connected before the block begins."""
    heard: asyncio.Queue[aiomqtt.Message] = asyncio.Queue()
    tls = aiomqtt.TLSParameters(ca_certs=str(iot.ca), certfile=str(iot.cert), keyfile=str(iot.key))
    v5 = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client(LOOPBACK, iot.port, identifier="ear", protocol=v5, tls_params=tls) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)

        async def listen() -> None:
            async for message in client.messages:
                heard.put_nowait(message)

        listening = asyncio.create_task(listen())
        yield heard
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def state_on(heard: asyncio.Queue[aiomqtt.Message], wanted: WorkerState) -> aiomqtt.Message:
    while True:
        message: aiomqtt.Message = await soon(heard.get())
        if json.loads(message.payload)["state"] == wanted:
            return message


async def soon(waited: Any) -> Any:
    return await asyncio.wait_for(waited, timeout=60)


async def test_a_label_arrives_whole_on_its_kiosks_topic_and_with_an_expiry(iot: IoTCore) -> None:
    async with hearing(iot, LABELS) as heard, publishing(broker_at(iot)) as publisher:
        message = fresh()
        assert await publisher.publish(message) is PublishOutcome.DELIVERED
        arrived = await soon(heard.get())
        assert LabelMessage.from_json(arrived.payload) == message
        assert arrived.qos == 1
        assert 1 <= arrived.properties.MessageExpiryInterval <= 30


async def test_a_label_that_has_expired_is_not_sent(iot: IoTCore) -> None:
    async with hearing(iot, LABELS) as heard, publishing(broker_at(iot)) as publisher:
        assert await publisher.publish(fresh(lives=timedelta(0))) is PublishOutcome.EXPIRED
        last = fresh()
        assert await publisher.publish(last) is PublishOutcome.DELIVERED
        assert LabelMessage.from_json((await soon(heard.get())).payload) == last


async def test_the_status_is_ready_and_the_last_will_is_offline(iot: IoTCore) -> None:
    cable = Cable(iot.port)
    await cable.plug_in()
    async with hearing(iot, STATUS) as heard, publishing(broker_at(iot, cable.port)) as publisher:
        ready = await state_on(heard, WorkerState.READY)
        assert json.loads(ready.payload)["model"]["name"] == "fake"
        await cable.pull_out()
        await state_on(heard, WorkerState.OFFLINE)
        await until_async(lambda: not publisher.connected)
        await cable.plug_in()
        await state_on(heard, WorkerState.READY)
    await cable.pull_out()
    async with hearing(iot, STATUS) as heard:
        retained = await soon(heard.get())
        assert json.loads(bytes(retained.payload))["state"] == "offline"


async def test_two_workers_with_one_key_are_told_so_and_the_second_is_left_alone(
    iot: IoTCore, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one waits: else they would push each other out at once, for ever."""
    async with publishing(broker_at(iot)) as first:
        await until_async(lambda: first.connected)
        async with publishing(broker_at(iot)) as second:
            await until_async(lambda: second.connected and not first.connected)
            assert await second.publish(fresh()) is PublishOutcome.DELIVERED
            assert (first.connected, second.connected) == (False, True)
    assert "somebody else is connected as i-1: one key, one device" in caplog.text


async def test_a_worker_that_stops_publishes_offline_itself(iot: IoTCore) -> None:
    async with hearing(iot, STATUS) as heard:
        async with publishing(broker_at(iot)) as publisher:
            await until_async(lambda: publisher.connected)
            await publisher.announce(WorkerState.STOPPING)
        await state_on(heard, WorkerState.STOPPING)
        await state_on(heard, WorkerState.OFFLINE)


async def test_the_status_is_republished_so_that_no_stale_last_will_stays(iot: IoTCore) -> None:
    """And what it says is its state, not what it said first."""
    async with hearing(iot, STATUS) as heard, publishing(broker_at(iot), status_period_s=0.05) as publisher:
        for _ in range(3):
            await state_on(heard, WorkerState.READY)
        await publisher.announce(WorkerState.STOPPING)
        for _ in range(3):
            await state_on(heard, WorkerState.STOPPING)


async def test_while_the_broker_is_unreachable_labels_wait_until_they_expire(iot: IoTCore) -> None:
    cable = Cable(iot.port)
    async with hearing(iot, LABELS) as heard, publishing(broker_at(iot, cable.port)) as publisher:
        short = asyncio.create_task(publisher.publish(fresh(lives=timedelta(seconds=0.5))))
        lasting = fresh()
        waiting = asyncio.create_task(publisher.publish(lasting))
        assert await soon(short) is PublishOutcome.EXPIRED
        assert not waiting.done()
        await cable.plug_in()
        assert await soon(waiting) is PublishOutcome.DELIVERED
        assert LabelMessage.from_json((await soon(heard.get())).payload) == lasting
    await cable.pull_out()


async def test_when_the_broker_stops_answering_the_worker_reconnects_and_sends_the_label_again(iot: IoTCore) -> None:
    """No error tells of a dead access point; the missing acknowledgement does."""
    cable = Cable(iot.port)
    await cable.plug_in()
    async with hearing(iot, LABELS) as heard, publishing(broker_at(iot, cable.port)) as publisher:
        await until_async(lambda: publisher.connected)
        cable.go_silent()
        message = fresh()
        sending = asyncio.create_task(publisher.publish(message))
        await until_async(lambda: not publisher.connected)
        await cable.pull_out()
        await cable.plug_in()
        assert await soon(sending) is PublishOutcome.DELIVERED
        assert LabelMessage.from_json((await soon(heard.get())).payload) == message
    await cable.pull_out()


async def test_a_worker_stops_soon_even_when_the_broker_does_not_answer(iot: IoTCore) -> None:
    """The goodbye can't be said; the last will says it."""
    cable = Cable(iot.port)
    await cable.plug_in()
    publisher = MqttPublisher(broker_at(iot, cable.port), lambda: MODEL)
    running = asyncio.create_task(publisher.run())
    await until_async(lambda: publisher.connected)
    cable.go_silent()
    await publisher.announce(WorkerState.STOPPING)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(running)
    await cable.pull_out()


class PickyBroker:
    """Speaks just enough MQTT 5 to take a connection and answer every PUBLISH with the next reason code."""

    def __init__(self, *answers: int) -> None:
        self._answers = list(answers)
        self.topics: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind, body = (await reader.readexactly(1))[0], await self._body(reader)
                if kind >> 4 == 1:  # CONNECT → CONNACK
                    writer.write(bytes([0x20, 3, 0, 0, 0]))
                elif kind >> 4 == 3:  # PUBLISH → PUBACK
                    length = int.from_bytes(body[:2])
                    topic, packet_id = body[2 : 2 + length].decode(), body[2 + length : 4 + length]
                    answer = 0
                    if topic == LABELS:
                        self.topics.append(topic)
                        answer = self._answers.pop(0)
                    writer.write(bytes([0x40, 3, *packet_id, answer]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return await reader.readexactly(length)


@pytest.mark.parametrize(
    ("answers", "delivery"),
    [
        ([0x00], PublishOutcome.DELIVERED),
        ([0x10], PublishOutcome.DELIVERED),  # nobody listens: no failure
        ([0x87], PublishOutcome.REFUSED),  # not authorized: no second try would change that
        ([0x97, 0x97, 0x00], PublishOutcome.DELIVERED),  # too much for now
    ],
)
async def test_a_refusal_of_the_broker_is_the_outcome(
    iot: IoTCore, answers: list[int], delivery: PublishOutcome
) -> None:
    """A message that is acknowledged with a refusal was not told to anybody."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate, key = self_signed(iot.cert.parent)
    tls.load_cert_chain(certificate, key)
    broker, port = PickyBroker(*answers), free_ports(1)[0]
    server = await asyncio.start_server(broker, LOOPBACK, port, ssl=tls)
    trusting = replace(broker_at(iot, port), ca=certificate)
    async with publishing(trusting) as publisher:
        assert await soon(publisher.publish(fresh())) is delivery
    assert len(broker.topics) == len(answers)
    server.close()


async def test_an_unreadable_certificate_can_be_replaced_while_the_worker_runs(iot: IoTCore, tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.write_text("not a certificate")
    async with publishing(replace(broker_at(iot), cert=cert)) as publisher:
        waiting = asyncio.create_task(publisher.publish(fresh()))
        await asyncio.sleep(0)
        assert not publisher.connected
        cert.write_bytes(iot.cert.read_bytes())
        assert await soon(waiting) is PublishOutcome.DELIVERED
