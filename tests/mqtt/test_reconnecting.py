"""How kiosks and workers connect again: a pushed-out one leaves the other alone, and says so; no future is left."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from local.ports import LOOPBACK
from mqtt.client import Client
from mqtt.reconnecting import STAYED_S, TWIN_S, Backoff, reason_of

CONNECTED, REFUSED = bytes([0x20, 3, 0, 0, 0]), bytes([0x20, 3, 0, 0x87, 0])
TAKEN_OVER = bytes([0xE0, 2, 0x8E, 0])
GARBAGE = bytes([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])


def lost(code: int) -> aiomqtt.MqttError:
    error = aiomqtt.MqttError("Disconnected during message iteration")
    error.__cause__ = aiomqtt.MqttCodeError(ReasonCode(PacketTypes.DISCONNECT, identifier=code))
    return error


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3 * STAYED_S), st.sampled_from([0x8E, 0x8B, 0x80])), max_size=40))
def test_only_a_connection_that_stayed_makes_the_next_pause_a_first_one(
    history: list[tuple[bool, float, int]],
) -> None:
    """Each part: whether the connection was made, how long it lasted, and how it ended."""
    clock, tries = Clock(), 0
    backoff = Backoff(float, clock=clock)
    for made, lasted, code in history:
        if made:
            backoff.connected()
        clock.now += lasted
        tries = 0 if made and lasted >= STAYED_S else tries
        assert backoff.pause_after(lost(code)) == tries + (TWIN_S if code == 0x8E else 0)
        tries += 1


def test_twins_take_turns_that_are_shorter_than_what_counts_as_staying() -> None:
    """Else each would come back as after a first failure."""
    assert TWIN_S < STAYED_S


def test_a_twin_is_named_and_any_other_reason_is_the_brokers() -> None:
    assert reason_of(lost(0x8E), "demo") == "somebody else is connected as demo: one key, one device"
    assert "Server shutting down" in reason_of(lost(0x8B), "demo")
    assert reason_of(TimeoutError(), "demo") == "TimeoutError"


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [REFUSED, b"", GARBAGE, CONNECTED, CONNECTED + TAKEN_OVER, CONNECTED + GARBAGE])
@pytest.mark.parametrize("does", ["subscribes", "publishes", "listens", "leaves", "is cancelled"])
async def test_a_connection_that_ends_leaves_no_exception_that_nobody_retrieves(answer: bytes, does: str) -> None:
    """The broker answers CONNECT so, and hangs up at the next packet or at once."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await writer.drain()
        if answer in (CONNECTED, CONNECTED + TAKEN_OVER) and does != "leaves":  # it shall read what it was sent
            await asyncio.wait({asyncio.ensure_future(reader.read(1000))}, timeout=0.05)
        writer.transport.abort()

    async def use(port: int) -> None:
        async with Client(LOOPBACK, port, timeout=2, protocol=aiomqtt.ProtocolVersion.V5) as client:
            if does == "subscribes":
                await client.subscribe("a", qos=1)
            elif does == "publishes":
                await client.publish("a", "b", qos=1)
            elif does != "leaves":
                async for _ in client.messages:
                    pass

    async with await asyncio.start_server(serve, LOOPBACK, 0) as broker:
        using = asyncio.create_task(use(broker.sockets[0].getsockname()[1]))
        if does == "is cancelled":
            await asyncio.sleep(0.02)
            using.cancel()
        await asyncio.wait({using}, timeout=60)
        ended = using.cancelled() or using.exception()
        if answer == CONNECTED + TAKEN_OVER and does in ("subscribes", "publishes", "listens"):
            assert isinstance(ended, Exception)
            assert reason_of(ended, "demo") == "somebody else is connected as demo: one key, one device"
        assert ended is True or ended is None or isinstance(ended, aiomqtt.MqttError | OSError)
        del using, ended
    await asyncio.sleep(0.01)
    gc.collect()
    assert [context["message"] for context in reported] == []
