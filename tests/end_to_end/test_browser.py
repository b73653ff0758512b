"""The kiosk as a customer meets it: a real browser with a camera, the agent, and the whole cloud behind."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from local.ports import fetch
from tests.chromium import CHROMIUM, FLAGS
from tests.end_to_end.conftest import Running
from tests.waiting import until

SAMPLES = Path(__file__).parents[2] / "samples"
ELDER = SAMPLES / "usg_B001232.jpg"  # samples/README.md
SIZE = (640, 360)
FPS = 5
EMPTY_S, PERSON_S = 4, 20  # the camera begins with nobody: the agent takes that for its background
ANSWER_S = 60.0  # a bound for a busy machine, never a measurement

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: `apt-get install chromium`")


@pytest.fixture
def screen(cloud: Running) -> str:
    """The address that `nunchi status --json` has."""
    return str(cloud.status["screen"]["url"])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera sees: an empty shop, then an old woman."""
    path = tmp_path_factory.mktemp("camera") / "shop.y4m"
    chance = np.random.default_rng(1)
    shop = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    with Image.open(ELDER) as portrait:
        high = SIZE[1] * 9 // 10
        person = shop.copy()
        person.paste(
            portrait.convert("RGB").resize((high * portrait.width // portrait.height, high)),
            (SIZE[0] // 4, SIZE[1] - high),
        )
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for picture, seconds in ((shop, EMPTY_S), (person, PERSON_S)):
            planes = picture.convert("YCbCr")
            half = planes.resize((SIZE[0] // 2, SIZE[1] // 2))
            for _ in range(seconds * FPS):
                light = np.asarray(planes)[..., 0] + chance.normal(0, 1.5, SIZE[::-1])  # a sensor's noise
                file.write(b"FRAME\n" + light.clip(0, 255).astype(np.uint8).tobytes())
                file.writelines(np.asarray(half)[..., plane].tobytes() for plane in (1, 2))
    return path


@contextmanager
def kiosk_at(url: str, *flags: str) -> Generator[Page, None, None]:
    """The page in a browser of its own; it complained of nothing, and asked no other machine."""
    errors: list[str] = []
    outside: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: note_outside(request.url, url, outside))
        page.goto(url)
        shows(page, ready="yes")
        yield page
        browser.close()
    assert (errors, outside) == ([], [])


def note_outside(asked: str, own: str, outside: list[str]) -> None:
    if not asked.startswith((own, "data:", "blob:")):
        outside.append(asked)


def shows(page: Page, **data: str) -> None:
    """Wait until the document says so: screen="easy", step="menu", …"""
    selector = "html" + "".join(f"[data-{name}='{value}']" for name, value in data.items())
    expect(page.locator(selector)).to_have_count(1, timeout=ANSWER_S * 1e3)


def touch(page: Page, *selectors: str) -> None:
    for selector in selectors:
        page.locator(selector).first.click(timeout=ANSWER_S * 1e3)


def order(page: Page, *, dish: str) -> None:
    """From the first page to the number, by touch."""
    touch(page, ".main.start", ".pick", dish, ".forward", ".forward")
    page.locator(".pick").nth(1).click()  # cash, at the counter
    shows(page, step="receipt")
    assert int(page.locator(".receipt .number b").inner_text()) > 0


def enters(page: Page, sample: str | None) -> None:
    """The person of that portrait comes in before the agent, as in the page of demonstrations."""
    status = page.evaluate(
        """sample => fetch("/api/demo/enter", {
          method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({sample}),
        }).then(answer => answer.status)""",
        sample,
    )
    assert status in (200, 202, 204)


def figures(screen: str) -> dict[str, Any]:
    """What staff reads."""
    told: dict[str, Any] = json.loads(fetch(f"{screen}/api/figures"))
    return told


def test_an_old_woman_before_the_camera_gets_the_easy_screen_and_her_order_a_number(screen: str, film: Path) -> None:
    """Camera, presence, burst, upload, S3, Lambda, worker, label over MQTT, screen; the order reaches the cloud."""
    before = figures(screen)["orders"]
    with kiosk_at(screen, f"--use-file-for-fake-video-capture={film}") as page:
        shows(page, screen="usual", step="attract")
        shows(page, screen="easy", step="attract")
        expect(page.locator(".calm")).to_be_visible()
        order(page, dish=".row")
        shows(page, screen="easy", step="receipt")
        page.reload()
        shows(page, screen="easy", step="receipt")
        touch(page, ".forward")
        shows(page, step="attract")
    assert figures(screen)["orders"] == before + 1
    until(lambda: figures(screen)["pending"] == 0, within_s=ANSWER_S, what="the cloud counts the order")


def test_while_no_label_comes_the_shop_sells_and_afterwards_the_screen_turns_again(cloud: Running, screen: str) -> None:
    """The broker is away: the usual screen, nothing waits, a number. It is back: the next old woman is noticed."""
    with kiosk_at(screen) as page:
        cloud.cable.cut()
        try:
            enters(page, ELDER.stem)
            order(page, dish=".dishes .card")
            shows(page, screen="usual", step="receipt")
        finally:
            cloud.cable.mend()
        touch(page, ".forward")
        enters(page, None)
        shows(page, screen="usual", step="attract")
        until(lambda: turns(page), within_s=ANSWER_S, what="a label, and the easy screen")
        enters(page, None)


def turns(page: Page) -> bool:
    """Whether the screen turns for her this time: the worker reconnects by itself, after some seconds."""
    enters(page, None)
    enters(page, ELDER.stem)
    easy = page.locator("html[data-screen='easy']")
    try:
        expect(easy).to_have_count(1, timeout=10e3)
    except AssertionError:
        return False
    return True
