"""`python -m kiosk` as a process: it serves without a cloud, says what is wrong, and stops when asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.ports import LOOPBACK, answers, fetch, free_ports
from retrain.subprocesses import with_pdeathsig
from tests.kiosk.folders import device_folder
from tests.waiting import until


@contextmanager
def _agent(
    folder: Path, *, environ: dict[str, str] | None = None
) -> Generator[tuple[subprocess.Popen[str], str], None, None]:
    [port] = free_ports(1)
    process = subprocess.Popen(
        with_pdeathsig([sys.executable, "-m", "kiosk", "run", "--folder", str(folder), "--port", str(port)]),
        env=os.environ | {"STATE_DIRECTORY": str(folder / "state")} | (environ or {}),
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://{LOOPBACK}:{port}"
    try:
        until(lambda: process.poll() is not None or answers(f"{url}/api/shop"), within_s=60, what="the agent answers")
        yield process, url
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def _check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_kiosk_without_a_cloud_serves_and_sells_and_stops_with_status_0(tmp_path: Path) -> None:
    """The certificates are no certificates, and no broker listens: the shop sells."""
    folder = device_folder(tmp_path)
    with _agent(folder) as (process, url):
        shop = json.loads(fetch(f"{url}/api/shop"))
        assert shop["kiosk"] == "shop1"
        health = json.loads(fetch(f"{url}/api/health"))
        assert health["cloud"] in ("off", "refused")
        assert _post(url, "visit/begin", {})["visit"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert (folder / "state" / "orders.sqlite").stat().st_mode & 0o077 == 0


def test_a_kiosk_listens_on_this_machine_only(tmp_path: Path) -> None:
    """Under another address of the machine, in 127.0.0.0/8 too, nothing answers."""
    with _agent(device_folder(tmp_path)) as (_, url):
        port = url.rpartition(":")[2]
        assert not answers(f"http://127.0.0.2:{port}/api/shop")
        assert not answers(f"http://[::1]:{port}/api/shop")


def test_an_open_page_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    """Its events end with the agent."""
    with _agent(device_folder(tmp_path)) as (process, url):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/api/events", timeout=60) as events:
            assert events.readline() == b"event: hello\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0


def test_systemd_is_told_when_the_page_is_served(tmp_path: Path) -> None:
    """Ready, alive, stopping."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(60)
        environ = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "200000"}
        with _agent(device_folder(tmp_path), environ=environ) as (process, _):
            heard = [manager.recv(100).decode() for _ in range(3)]
            process.send_signal(signal.SIGTERM)
            while heard[-1] != "STOPPING=1":
                heard.append(manager.recv(100).decode())
    assert (heard[0], set(heard[1:-1])) == ("READY=1", {"WATCHDOG=1"})


def test_a_taken_port_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    """Status 1, and which port."""
    folder = device_folder(tmp_path)
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        ended = _check("run", "--folder", folder, "--state", folder / "state", "--port", port)

    assert (ended.returncode, f"port {port} can't be used" in ended.stderr) == (1, True)


def test_check_says_whether_the_settings_are_valid(tmp_path: Path) -> None:
    """Status 0, or 2 with every mistake."""
    folder = device_folder(tmp_path)
    assert _check("check", "--folder", folder).stdout == "shop1: the settings are valid; the menu has 31 dishes\n"

    (folder / "kiosk.toml").write_text("[screen]\nport = 80\n")
    ended = _check("check", "--folder", folder)
    assert ended.returncode == 2
    assert "screen.port: input should be greater than or equal to 1024, not 80" in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "--folder", "/nowhere"], ["sell"]])
def test_an_invalid_command_line_has_status_2(arguments: list[str]) -> None:
    """And says how it is used."""
    ended = _check(*arguments)

    assert (ended.returncode, ended.stderr.startswith("usage: python -m kiosk")) == (2, True)


def _post(url: str, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{url}/api/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Origin": url},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.loads(answer.read())
