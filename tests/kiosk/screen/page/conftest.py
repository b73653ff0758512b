"""A real Chromium in front of a real agent: only the labeller and the voice engine answer as a test says."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from kiosk.device.agent import Agent
from kiosk.menu.menu import Menu
from kiosk.menu.order import Order
from kiosk.menu.orders import OrderBook
from kiosk.menu.places import Places
from kiosk.screen.guard import hosts_of
from kiosk.screen.server import create_app
from kiosk.settings import CloudSettings, KioskToml
from kiosk.voice.port import Heard, Listening
from kiosk.voice.process import EngineVoice
from recipes.kiosk.labels import Label
from tests.chromium import CHROMIUM, FLAGS
from tests.kiosk.device.fake_labeller import FakeLabeller
from tests.kiosk.device.messages import person
from tests.kiosk.device.test_agent import CLOUD

SAMPLES = Path(__file__).parents[4] / "samples"
NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SOME_S = 20.0  # a bound for a busy machine, never a measurement


@dataclass
class SaysWords:
    """A voice engine that hears what a test says, one push after the other."""

    hears: list[Heard] = field(default_factory=list)
    available: bool = True
    bytes_heard: int = 0
    asked: list[Listening] = field(default_factory=list)
    first_takes_s: float = 0.0
    feeding: int = 0
    most_feeding: int = 0

    async def start(self, listening: Listening) -> None:
        self.asked.append(listening)

    async def feed(self, id: str, pcm: bytes) -> None:  # noqa: ARG002
        self.feeding += 1
        self.most_feeding = max(self.feeding, self.most_feeding)
        await asyncio.sleep(0 if self.bytes_heard else self.first_takes_s)
        self.feeding -= 1
        self.bytes_heard += len(pcm)

    async def stop(self, id: str) -> Heard:  # noqa: ARG002
        return self.hears.pop(0) if self.hears else Heard("nothing", ())


@dataclass
class Ahead:
    """How far the agent's clocks are ahead of the real ones, in seconds."""

    seconds: float = 0.0


@dataclass
class Kiosk:
    """An agent on a free port, and pages that show it."""

    url: str
    labeller: FakeLabeller
    voice: SaysWords
    book: OrderBook
    orders: Path
    _loop: asyncio.AbstractEventLoop
    _agent: Agent
    _ahead: Ahead

    def enters(self, sample: str | None, *, elder: float, female: float = 0.9) -> None:
        """Somebody comes in, about whom the labeller will answer so."""
        self.labeller.answer = person(elder, female=female)
        self._call(lambda: self._agent.enter(sample))

    def leaves(self) -> None:
        self._call(lambda: self._agent.enter(None))

    def passes(self, seconds: float) -> None:
        """Let time pass for the agent, at once."""
        self._ahead.seconds += seconds

    def _call(self, act: Callable[[], object]) -> None:
        async def call() -> object:
            return act()

        done: Future[object] = asyncio.run_coroutine_threadsafe(call(), self._loop)
        done.result(SOME_S)


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    """A kiosk whose camera is a folder of pictures."""
    with serving(tmp_path) as kiosk:
        yield kiosk


@contextmanager
def serving(folder: Path, engine: EngineVoice | None = None) -> Generator[Kiosk, None, None]:
    """An agent that keeps its orders in the folder, in a thread of its own. `engine`: hears instead of SaysWords."""
    started: Future[Kiosk] = Future()
    stopping: list[Callable[[], None]] = []

    def run() -> None:
        try:
            asyncio.run(_serve(folder, engine, started, stopping))
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield started.result(SOME_S)
    finally:
        for stop in stopping:
            stop()
        thread.join(SOME_S)


async def _serve(
    folder: Path, engine: EngineVoice | None, started: Future[Kiosk], stopping: list[Callable[[], None]]
) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    labeller, voice = FakeLabeller(person(0.1)), SaysWords()
    menu, loop, ahead = Menu.load(), asyncio.get_running_loop(), Ahead()
    wall = lambda: NOON + timedelta(seconds=ahead.seconds)  # noqa: E731
    orders = folder / "orders.sqlite"
    book = OrderBook(orders, wall)
    _some_history(book, menu)
    agent = Agent(
        CloudSettings.model_validate(CLOUD.model_dump()),
        KioskToml.model_validate({"visit": {"leave_s": 0.5}}),
        menu=menu,
        book=book,
        places=Places(menu, book, random.Random(1)),
        labeller=labeller,
        voice=engine or voice,
        samples={file.stem: file for file in sorted(SAMPLES.glob("*.jpg"))},
        version="1",
        clock=lambda: loop.time() + ahead.seconds,
        wall=wall,
    )
    app = create_app(agent, hosts=hosts_of(port), demo=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    ended = asyncio.Event()

    def stop() -> None:
        loop.call_soon_threadsafe(ended.set)

    stopping.append(stop)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(_quietly(server.serve(sockets=[listener]))),
        asyncio.create_task(_quietly(agent.run(*([engine.run()] if engine else [])))),
    ]
    started.set_result(Kiosk(f"http://127.0.0.1:{port}/", labeller, voice, book, orders, loop, agent, ahead))
    await ended.wait()
    agent.events.close()
    server.should_exit = True
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    book.close()
    listener.close()


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    await work


def _some_history(book: OrderBook, menu: Menu) -> None:
    """Forty old women before noon: most of them ate noodle soup."""
    for number in range(40):
        dish = "janchi-guksu" if number % 3 else "kal-guksu"
        price = next(each.price for each in menu.dishes if each.id == dish)
        fields = {
            "order_id": f"01kb6z6m1s2e9r8q4n7t3w{number:04d}",
            "visit": None,
            "screen": "easy",
            "language": "ko",
            "type": "here",
            "by": {"touch": 1, "voice": 0},
            "lines": [{"dish": dish, "choices": list(_defaults(menu, dish)), "count": 1, "price": price}],
            "total": price,
            "paid": {"method": "card", "demo": True},
        }
        book.accept(Order.from_page(fields, menu), label=Label.ELDER_FEMALE, confidence=0.95)


def _defaults(menu: Menu, dish: str) -> Iterator[str]:
    shown = next(each for each in menu.to_page()["dishes"] if each["id"] == dish)
    for option in shown["options"]:
        for choice in option["choices"]:
            if choice["default"]:
                yield f"{option['id']}/{choice['id']}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Playwright keeps an event loop in this thread, so it ends with the module."""
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium here: `apt-get install chromium`; the page is not tested")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@dataclass
class Opened:
    """A page, what it complained of, and what it asked of other machines."""

    page: Page
    context: BrowserContext
    errors: list[str]
    outside: list[str]

    def shows(self, **data: str) -> None:
        """Wait until the document says so: screen="easy", step="menu", …"""
        selector = "html" + "".join(f"[data-{name}='{value}']" for name, value in data.items())
        expect(self.page.locator(selector)).to_have_count(1, timeout=SOME_S * 1e3)

    def touch(self, selector: str, number: int = 0) -> None:
        self.page.locator(selector).nth(number).click(timeout=SOME_S * 1e3)


Opens = Callable[..., Opened]


def order(shown: Opened, *, easy: bool) -> None:
    """From the first page to the number, by touch."""
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".row" if easy else ".dishes .card")
    shown.touch(".forward")  # into the cart
    shown.touch(".forward")  # pay
    shown.touch(".pick", 1)  # cash, at the counter
    shown.shows(step="receipt")


def stored(shown: Opened) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(shown.page.evaluate("() => localStorage.nunchi"))["state"]
    return state


@pytest.fixture
def opens(browser: Browser, kiosk: Kiosk) -> Iterator[Callable[..., Opened]]:
    """Open the page on glass of a size, in a language."""
    contexts: list[BrowserContext] = []

    def open_page(
        *,
        size: tuple[int, int] = (1280, 800),
        inches: float = 15.6,
        language: str = "ko",
        camera: bool = False,
        here_every_s: float = 0,
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            permissions=["camera", "microphone"],
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        opened = Opened(page, context, [], [])
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on("request", lambda request: _note_outside(request.url, kiosk.url, opened.outside))

        def shop(route: Route) -> None:
            response = route.fetch()
            shown = response.json()
            shown["screen"]["diagonal_inches"] = inches
            shown["screen"]["here_every_s"] = here_every_s
            shown["language"] = language
            if not camera:
                shown["camera"]["use"] = "none"
            route.fulfill(response=response, json=shown)

        page.route("**/api/shop", shop)
        page.goto(kiosk.url)
        opened.shows(ready="yes")
        return opened

    yield open_page
    for context in contexts:
        context.close()


def _note_outside(url: str, own: str, outside: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:")):
        outside.append(url)
