"""A page of the kiosk in Debian's Chromium, before the bench's camera, and what it holds in memory."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from day0.samples import PORTRAITS, SAMPLES
from day0.scenes import FRAME, background, enlarged, with_people
from tests.chromium import CHROMIUM, FLAGS

CAMERA: Final = Path(__file__).with_name("camera.js")
NOBODY: Final = "nobody"
ELDERS: Final = tuple(Path(name).stem for name in PORTRAITS[:4])
ADULTS: Final = tuple(Path(name).stem for name in PORTRAITS[4:])
WAIT_MS: Final = 30_000  # a bound for a busy machine, never a measurement


def scenes(people: tuple[str, ...] = (*ELDERS, *ADULTS)) -> dict[str, bytes]:
    """JPEGs of 1280 × 720: the empty shop, and in the same shop each person, with a head of some 250 pixels."""
    empty = background(5)
    drawn = {NOBODY: empty}
    for number, name in enumerate(people):
        path, height = SAMPLES / f"{name}.jpg", 540 + 40 * (number % 3)
        with Image.open(path) as portrait:
            zoom = height / portrait.height
        left = 320 + 90 * (number % 4)
        drawn[name] = Image.fromarray(with_people(empty, [(enlarged(path, zoom), left, FRAME[1] - height)]))
    return {name: _jpeg(picture) for name, picture in drawn.items()}


def camera_script(
    pictures: dict[str, bytes], *, speed: float = 1, fps: float = 15, size: tuple[int, int] = FRAME
) -> str:
    """The script that stands in for the camera; `speed` of the page's timers, pictures a second and their size."""
    encoded = {name: base64.b64encode(jpeg).decode() for name, jpeg in pictures.items()}
    options = json.dumps({"speed": speed, "fps": fps, "size": size, "scenes": encoded})
    return CAMERA.read_text(encoding="utf-8").replace("OPTIONS", options)


@dataclass(frozen=True, slots=True)
class Held:
    """What a page holds after a collection of garbage: bytes of JavaScript's heap, DOM nodes, event listeners."""

    heap: int
    nodes: int
    listeners: int


@dataclass
class Shown:
    """A page and what it complained of: uncaught errors, unhandled rejections, errors on the console.

    `ordered`: the ids of the orders for which it got a number.
    """

    page: Page
    _devtools: CDPSession
    errors: list[str] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._line)
        self.page.on("requestfinished", self._finished)

    @property
    def step(self) -> str:
        """The step that it shows."""
        return str(self.page.evaluate("() => document.documentElement.dataset.step"))

    @property
    def screen(self) -> str:
        """usual or easy."""
        return str(self.page.evaluate("() => document.documentElement.dataset.screen"))

    @property
    def visit(self) -> str | None:
        """The visit that it knows of."""
        visit: str | None = self.page.evaluate("() => JSON.parse(localStorage.nunchi ?? '{}').state?.visit ?? null")
        return visit

    def touch(self, selector: str, number: int = 0) -> None:
        """Touch the control, as soon as it can be touched."""
        self.page.locator(selector).nth(number).click(timeout=WAIT_MS)

    def shows(self, **data: str) -> None:
        """Wait until the document says so: screen="easy", step="menu", …"""
        selector = "html" + "".join(f"[data-{name}='{value}']" for name, value in data.items())
        expect(self.page.locator(selector)).to_have_count(1, timeout=WAIT_MS)

    def settles(self) -> None:
        """Wait until the agent has answered all requests."""
        deadline = time.monotonic() + WAIT_MS / 1e3
        while self.page.evaluate("() => bench.requests"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the agent has not answered within {WAIT_MS / 1e3:g} s")
            time.sleep(0.005)

    def held(self) -> Held:
        """What it holds now."""
        self._devtools.send("HeapProfiler.collectGarbage")
        self._devtools.send("HeapProfiler.collectGarbage")
        found = {each["name"]: int(each["value"]) for each in self._devtools.send("Performance.getMetrics")["metrics"]}
        return Held(found["JSHeapUsedSize"], found["Nodes"], found["JSEventListeners"])

    def _line(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.errors.append(f"{line.text} {line.location.get('url', '')}")

    def _finished(self, request: Request) -> None:
        if request.url.endswith("/api/orders") and (answer := request.response()) and answer.status == 200:
            self.ordered.append(json.loads(request.post_data or "{}")["order_id"])


def shown(context: BrowserContext, *, script: str) -> Shown:
    """A new page of the context, with the bench's camera; nothing is opened yet."""
    page = context.new_page()
    page.add_init_script(script)
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable")
    return Shown(page, devtools)


@contextmanager
def chromium() -> Generator[Browser, None, None]:
    """The browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def kiosk_page(browser: Browser, url: str, script: str, *, moves: bool = True) -> Generator[Shown, None, None]:
    """The page at `url`, ready and with its camera on. `moves`: with the page's transitions."""
    motion: Literal["no-preference", "reduce"] = "no-preference" if moves else "reduce"
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion=motion)
    try:
        opened = shown(context, script=script)
        opened.page.goto(url)
        opened.shows(ready="yes", step="attract")
        opened.page.evaluate("() => bench.looks(3)")
        yield opened
    finally:
        context.close()


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=90)
    return written.getvalue()
