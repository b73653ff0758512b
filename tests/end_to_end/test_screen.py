"""The screen of the local cloud, as its page uses it: events down, requests up, the real model behind."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.ports import answers, fetch
from tests.end_to_end.conftest import Running
from tests.waiting import until

ELDER, ADULT = "usg_B001232", "usg_G000569"  # samples/README.md
ANSWER_S = 60


class Page:
    """A page without a browser: hears every event, posts with its origin."""

    def __init__(self, url: str, events: http.client.HTTPResponse) -> None:
        self.url = url
        self.heard: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._events = events
        self.listening = threading.Thread(target=self._listen)
        self.listening.start()

    def post(self, path: str, body: Any) -> Any:
        """The answer's JSON; None without one."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Origin": self.url},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=ANSWER_S) as answer:
            return json.loads(answer.read() or b"null")

    def until(self, *names: str) -> list[tuple[str, dict[str, Any]]]:
        """The events until one of these names came; it is the last."""
        heard: list[tuple[str, dict[str, Any]]] = []
        deadline = time.monotonic() + ANSWER_S
        while not heard or heard[-1][0] not in names:
            heard.append(self.heard.get(timeout=max(0.1, deadline - time.monotonic())))
        return heard

    def until_looked(self) -> list[tuple[str, dict[str, Any]]]:
        """The events until the photos of a visit are answered about."""
        heard = self.until("camera")
        while heard[-1] != ("camera", {"on": True, "looking": False, "failed": None}):
            heard += self.until("camera")
        return heard

    def _listen(self) -> None:
        name = ""
        with contextlib.suppress(http.client.HTTPException, OSError):  # the test has ended in the middle of a line
            while line := self._events.readline().decode():
                if line.startswith("event: "):
                    name = line[7:].strip()
                elif line.startswith("data: "):
                    self.heard.put((name, json.loads(line[6:])))


@contextmanager
def page_at(url: str) -> Generator[Page, None, None]:
    """A page that is connected."""
    address = urlsplit(url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=ANSWER_S)
    connection.request("GET", "/api/events")
    page = Page(url, connection.getresponse())
    try:
        yield page
    finally:
        connection.sock.shutdown(socket.SHUT_RDWR)
        page.listening.join(ANSWER_S)
        connection.close()


@pytest.fixture
def screen(cloud: Running) -> str:
    """The address that `nunchi status --json` has."""
    told = cloud.status["screen"]
    assert told["kiosk"] == "counter"
    return str(told["url"])


def test_an_elder_gets_the_easy_screen_and_the_adult_after_her_does_not(screen: str) -> None:
    """Who comes in is a photo of a public-domain portrait; everything behind it is the real path."""
    with page_at(screen) as page:
        [(_, hello)] = page.until("hello")
        assert (hello["visit"], hello["suggestion"], len(hello["places"])) == (None, None, 4)

        page.post("demo/enter", {"sample": ELDER})
        heard = page.until("suggestion")
        visit = next(data["visit"] for name, data in heard if name == "visit")
        suggestion = heard[-1][1]
        assert (suggestion["visit"], suggestion["screen"], suggestion["elder"] > 0.6) == (visit, "easy", True)
        page.until_looked()

        page.post("demo/enter", {"sample": None})
        assert page.until("visit")[-1] == ("visit", {"visit": None})

        page.post("demo/enter", {"sample": ADULT})
        heard = page.until_looked()
        assert [name for name, _ in heard].count("visit") == 1
        assert "suggestion" not in [name for name, _ in heard]
        page.post("demo/enter", {"sample": None})
        page.until("visit")


def test_an_order_gets_a_number_and_is_counted_by_the_cloud(screen: str) -> None:
    """Accepted on the device first; the staff's figures say when the cloud has it."""
    shop = json.loads(fetch(f"{screen}/api/shop"))
    dish = next(dish for dish in shop["menu"]["dishes"] if dish["id"] == "cola")
    choices = [
        f"{option['id']}/{choice['id']}"
        for option in dish["options"]
        for choice in option["choices"]
        if choice["default"]
    ]
    with page_at(screen) as page:
        visit = page.post("visit/begin", {})["visit"]
        order = {
            "order_id": "01KB6Z6M1S2E9R8Q4N7T3W5Y0B",
            "visit": visit,
            "screen": "usual",
            "language": "en",
            "type": "here",
            "by": {"touch": 5, "voice": 0},
            "lines": [{"dish": "cola", "choices": choices, "count": 2, "price": dish["price"]}],
            "total": 2 * dish["price"],
            "paid": {"method": "card", "demo": True},
        }
        first = page.post("orders", order)
        assert page.post("orders", order) == first
        with pytest.raises(urllib.error.HTTPError, match="422"):
            page.post("orders", order | {"order_id": "01KB6Z6M1S2E9R8Q4N7T3W5Y0C", "total": 1})
        page.post("visit/end", {"visit": visit, "why": "receipt"})
    until(
        lambda: json.loads(fetch(f"{screen}/api/figures"))["pending"] == 0,
        within_s=ANSWER_S,
        what="the cloud counts the order",
    )


def test_an_agent_that_dies_is_started_again_and_the_cloud_stays_up(cloud: Running, screen: str) -> None:
    """At the same address; orders are still there."""
    before = json.loads(fetch(f"{screen}/api/figures"))["orders"]
    os.kill(_agent_of(cloud.state), signal.SIGKILL)
    until(lambda: not answers(f"{screen}/api/health"), within_s=ANSWER_S, what="the agent is gone")
    until(lambda: answers(f"{screen}/api/health"), within_s=ANSWER_S, what="the agent is back")

    assert json.loads(fetch(f"{screen}/api/figures"))["orders"] == before
    until(lambda: _cloud_of(screen) == "ok", within_s=ANSWER_S, what="it hears labels again")
    assert cloud.record.state == "up"


def _cloud_of(screen: str) -> str:
    return str(json.loads(fetch(f"{screen}/api/health"))["cloud"])


def _agent_of(state: Path) -> int:
    """The process whose folder is that state's."""
    wanted = f"--folder={state.absolute() / 'screen'}"
    [pid] = [
        int(process.parent.name)
        for process in Path("/proc").glob("[0-9]*/cmdline")
        if wanted in process.read_text(errors="replace").split("\0")
    ]
    return pid
