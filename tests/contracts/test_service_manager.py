"""What systemd hears of a service, over a real socket, and when its watchdog is left to bite."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.service_manager import ServiceManager

pytestmark = pytest.mark.anyio


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.settimeout(60)
        self.environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}

    async def hears(self) -> str:
        return (await asyncio.to_thread(self.socket.recv, 100)).decode()

    def has_heard(self) -> list[str]:
        """What has come until now."""
        self.socket.setblocking(False)
        heard = []
        try:
            while True:
                heard.append(self.socket.recv(100).decode())
        except BlockingIOError:
            return heard
        finally:
            self.socket.settimeout(60)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@nunchi-{os.getpid()}")
    yield manager
    manager.socket.close()


async def test_systemd_is_notified_of_ready_alive_and_stopping(manager: Manager) -> None:
    systemd = ServiceManager(manager.environ)
    systemd.ready()
    beating = asyncio.create_task(systemd.send_heartbeats(lambda: True))
    heard = [await manager.hears() for _ in range(3)]
    beating.cancel()
    await asyncio.wait([beating])
    manager.has_heard()
    systemd.stopping()
    assert (heard, await manager.hears()) == (["READY=1", "WATCHDOG=1", "WATCHDOG=1"], "STOPPING=1")


async def test_an_unresponsive_service_sends_no_heartbeat(manager: Manager) -> None:
    """Silence is what starts it again; it is no decision of the worker's own."""
    looks: list[bool] = []
    sound = False

    def is_responsive() -> bool:
        looks.append(sound)
        return sound

    beating = asyncio.create_task(ServiceManager(manager.environ).send_heartbeats(is_responsive))
    while len(looks) < 3:
        await asyncio.sleep(0.01)
    assert manager.has_heard() == []
    sound = True
    assert await manager.hears() == "WATCHDOG=1"
    beating.cancel()
    await asyncio.wait([beating])


@pytest.mark.parametrize("unset", ["WATCHDOG_USEC", "WATCHDOG_PID"])
async def test_without_a_watchdog_no_heartbeat_is_sent(manager: Manager, unset: str) -> None:
    """A watchdog may be off, or another process's."""
    manager.environ[unset] = "" if unset == "WATCHDOG_USEC" else "1"
    beating = asyncio.create_task(ServiceManager(manager.environ).send_heartbeats(lambda: True))
    await asyncio.wait([beating], timeout=0.05)
    assert (beating.done(), manager.has_heard()) == (False, [])
    beating.cancel()
    await asyncio.wait([beating])


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/such/socket"}])
async def test_without_systemd_no_notification_is_sent(environ: dict[str, str]) -> None:
    systemd = ServiceManager(environ)
    systemd.ready()
    systemd.stopping()
