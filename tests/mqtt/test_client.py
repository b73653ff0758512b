"""The client's own part: what it adds to aiomqtt, and what of aiomqtt's it stands on."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from local.ports import LOOPBACK
from mqtt.client import Client, json_expiring_in

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TRIED = "2.5.1"
PRIVATE: dict[str, Callable[[aiomqtt.Client], bool]] = {
    "Client._connected, a future": lambda client: isinstance(client._connected, asyncio.Future),
    "Client._disconnected, a future": lambda client: isinstance(client._disconnected, asyncio.Future),
    "Client._misc_loop()": lambda client: list(inspect.signature(client._misc_loop).parameters) == [],
    "Client._client, paho's with _sock_close()": lambda client: (
        list(inspect.signature(client._client._sock_close).parameters) == []
    ),
    "Client._on_publish(client, userdata, mid, reason_code, properties)": lambda client: (
        list(inspect.signature(client._on_publish).parameters)
        == ["client", "userdata", "mid", "reason_code", "properties"]
    ),
    "Client._wait_for(fut, timeout)": lambda client: (
        list(inspect.signature(client._wait_for).parameters) == ["fut", "timeout"]
    ),
    "Client._on_publish as what paho calls": lambda client: client._client.on_publish == client._on_publish,
}


def test_aiomqtt_is_the_version_whose_private_members_the_client_uses() -> None:
    installed = version("aiomqtt")
    assert installed == TRIED, (
        f"aiomqtt is {installed}, and mqtt/client.py uses private members of {TRIED}: {'; '.join(PRIVATE)}. Read what "
        "has changed, see these tests pass, then write the new version here and in mqtt/client.py"
    )


@pytest.mark.parametrize("member", PRIVATE)
async def test_aiomqtt_has_the_private_members_that_the_client_uses(member: str) -> None:
    """By name: an override of what is not there any more would be called by nothing, and refusals be lost."""
    client = aiomqtt.Client("h")
    try:
        there = PRIVATE[member](client)
    except AttributeError:
        there = False
    assert there, f"aiomqtt {version('aiomqtt')} has no {member}, which mqtt/client.py needs; {TRIED} has"


@pytest.mark.parametrize("steps", range(5))
async def test_a_cancellation_is_not_lost_that_arrives_together_with_an_acknowledgement(steps: int) -> None:
    """At one of these steps of the event loop, asyncio.wait_for of Python 3.11 loses the cancellation."""
    acknowledged, went_on = asyncio.Event(), asyncio.Event()

    async def publish() -> None:
        await Client("h")._wait_for(acknowledged.wait(), 60)
        went_on.set()
        await asyncio.sleep(60)  # what follows an acknowledgement, and must end with the task

    publishing = asyncio.create_task(publish())
    await asyncio.sleep(0.01)
    acknowledged.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(publishing), 10)


def test_no_other_module_imports_what_is_below_the_client() -> None:
    """So that another library, or another version, is a change in one place."""
    importing = set()
    for package in (
        "contracts",
        "fleet",
        "infra",
        "kiosk",
        "lambdas",
        "local",
        "mqtt",
        "ops",
        "registry",
        "retrain",
        "worker",
    ):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if {name.partition(".")[0] for name in names} & {"aiomqtt", "paho"}:
                    importing.add(path.relative_to(ROOT).as_posix())
    assert importing == {"mqtt/client.py"}


@pytest.mark.parametrize(("code", "refusal"), [(0x00, None), (0x10, None), (0x87, "Not authorized")])
async def test_a_refusal_is_kept_and_an_acknowledgement_is_none(code: int, refusal: str | None) -> None:
    """0x10 says that there is no subscriber, which refuses nothing."""
    client = Client("h")
    reason = ReasonCode(PacketTypes.PUBACK, identifier=code)
    client._on_publish(client._client, None, 1, reason, None)
    assert (None if client.refusal is None else str(client.refusal)) == refusal


@pytest.mark.parametrize(("seconds", "kept"), [(-1.0, 1), (0.2, 1), (29.1, 30)])
def test_a_message_is_kept_for_whole_seconds_and_one_at_least(seconds: float, kept: int) -> None:
    """Zero seconds would expire it before any subscriber gets it."""
    properties: Any = json_expiring_in(seconds)
    assert (properties.ContentType, properties.MessageExpiryInterval) == ("application/json", kept)


@pytest.mark.parametrize("ends", ["cancelled", "not answered"])
async def test_a_connection_that_is_not_made_leaves_neither_socket_nor_task(ends: str) -> None:
    """A broker that takes the connection and is silent; Ctrl-C, or the end of our patience."""
    came, left = asyncio.Event(), asyncio.Event()

    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(be_silent, LOOPBACK, 0) as broker:
        port = broker.sockets[0].getsockname()[1]
        before = asyncio.all_tasks()
        client = Client(LOOPBACK, port, timeout=60 if ends == "cancelled" else 0.1)
        connecting = asyncio.ensure_future(client.__aenter__())
        await came.wait()
        if ends == "cancelled":
            connecting.cancel()
        with pytest.raises(asyncio.CancelledError if ends == "cancelled" else aiomqtt.MqttError):
            await connecting
        await asyncio.wait_for(left.wait(), 60)
        await asyncio.sleep(0)  # for the tasks' own ends
        assert {task for task in asyncio.all_tasks() - before if "be_silent" not in repr(task)} == set()
