"""What systemd hears of the worker, over a real socket, and when its watchdog is left to bite."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import FACE, MODEL, FakeDetector
from worker.telemetry.sd_notify import HANG_TIMEOUT_S, Systemd, TimedDetector

pytestmark = pytest.mark.anyio
PICTURE = np.zeros((2, 2, 3), np.uint8)


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


async def test_systemd_hears_of_start_life_and_end(manager: Manager) -> None:
    systemd = Systemd(manager.environ)
    systemd.ready()
    beating = asyncio.create_task(systemd.send_heartbeats(lambda: True))
    heard = [await manager.hears() for _ in range(3)]
    beating.cancel()
    await asyncio.wait([beating])
    manager.has_heard()
    systemd.stopping()
    assert (heard, await manager.hears()) == (["READY=1", "WATCHDOG=1", "WATCHDOG=1"], "STOPPING=1")


async def test_an_unsound_worker_keeps_silent_until_it_is_responsive(manager: Manager) -> None:
    """Silence is what starts it again; it is no decision of the worker's own."""
    looks: list[bool] = []
    sound = False

    def is_responsive() -> bool:
        looks.append(sound)
        return sound

    beating = asyncio.create_task(Systemd(manager.environ).send_heartbeats(is_responsive))
    while len(looks) < 3:
        await asyncio.sleep(0.01)
    assert manager.has_heard() == []
    sound = True
    assert await manager.hears() == "WATCHDOG=1"
    beating.cancel()
    await asyncio.wait([beating])


@pytest.mark.parametrize("unset", ["WATCHDOG_USEC", "WATCHDOG_PID"])
async def test_without_a_watchdog_of_its_own_it_says_no_more_than_it_must(manager: Manager, unset: str) -> None:
    """A watchdog may be off, or another process's."""
    manager.environ[unset] = "" if unset == "WATCHDOG_USEC" else "1"
    beating = asyncio.create_task(Systemd(manager.environ).send_heartbeats(lambda: True))
    await asyncio.wait([beating], timeout=0.05)
    assert (beating.done(), manager.has_heard()) == (False, [])
    beating.cancel()
    await asyncio.wait([beating])


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/such/socket"}])
async def test_without_systemd_nothing_is_said_and_nothing_fails(environ: dict[str, str]) -> None:
    systemd = Systemd(environ)
    systemd.ready()
    systemd.stopping()


async def test_a_picture_that_stays_in_the_model_is_noticed() -> None:
    """By its own time: others may come and go meanwhile."""
    time, inside, let_go = 0.0, threading.Event(), threading.Event()

    def hang_once() -> None:
        if not inside.is_set():
            inside.set()
            let_go.wait(60)

    detector = TimedDetector(FakeDetector(FACE, before=hang_once), clock=lambda: time)
    hanging = asyncio.create_task(asyncio.to_thread(detector.detect, [PICTURE]))
    await asyncio.to_thread(inside.wait, 60)
    time = HANG_TIMEOUT_S - 1
    assert (detector.detect([PICTURE]), detector.longest_s, detector.is_responsive()) == (
        [[FACE]],
        HANG_TIMEOUT_S - 1,
        True,
    )
    time = HANG_TIMEOUT_S
    assert not detector.is_responsive()
    let_go.set()
    assert (await hanging, detector.longest_s, detector.is_responsive()) == ([[FACE]], 0.0, True)


async def test_a_picture_that_breaks_the_model_is_out_of_it() -> None:
    def fail() -> None:
        raise ValueError("on purpose")

    detector = TimedDetector(FakeDetector(before=fail))
    with pytest.raises(ValueError, match="on purpose"):
        detector.detect([PICTURE])
    assert (detector.longest_s, detector.model) == (0.0, MODEL)
