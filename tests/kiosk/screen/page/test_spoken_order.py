"""An order that is spoken: a microphone, the page in a real browser, the agent, the engine that hears. Nothing is faked
but the customer, who is a file that Chromium plays into its microphone.

The clips are those of tests/kiosk/voice/engine: synthetic, and chosen among those that are heard.
"""

from __future__ import annotations

import time
import wave
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from kiosk.menu.menu import Menu
from kiosk.voice.process import DEFAULT_PYTHON, EngineVoice, Patience, voice
from kiosk.voice.words import forms_of_dishes
from tests.chromium import CHROMIUM, FLAGS
from tests.kiosk.screen.page.conftest import Kiosk, Opened, serving, stored

CLIPS = Path(__file__).parents[2] / "voice" / "clips"
RATE = 16_000
BEFORE_S, AFTER_S = 2.5, 30.0  # of silence: the chime comes first, and a clip is said once
PUSHES = 4  # as of a customer who is not heard at once: on a busy machine the chime may take as long as the clip
VISITS = 3
BUSY = Patience(ready=300, answer=60, write=60)  # bounds for a busy machine, never a measurement
MINUTES_MS = 120e3

pytestmark = [
    pytest.mark.skipif(not DEFAULT_PYTHON.is_file(), reason="the voice engine is not installed; first: make voice"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: apt-get install chromium"),
]


def says(microphone: Path, clip: str) -> None:
    """What the customer says at the next listening: Chromium reads the file anew for each."""
    with wave.open(str(CLIPS / f"{clip}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        sound = file.readframes(file.getnframes())
    with wave.open(str(microphone), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes(bytes(int(BEFORE_S * RATE) * 2) + sound + bytes(int(AFTER_S * RATE) * 2))


@contextmanager
def ordering(folder: Path) -> Generator[tuple[Kiosk, Opened, Path], None, None]:
    """A customer in easy mode before the menu, and the file that is her voice."""
    microphone = folder / "microphone.wav"
    says(microphone, "babble")
    engine = voice(forms_of_dishes((dish.id, dish.name.ko) for dish in Menu.load().dishes), patience=BUSY)
    assert isinstance(engine, EngineVoice)
    with serving(folder, engine) as kiosk, sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context(
            viewport={"width": 1280, "height": 800}, permissions=["microphone"], reduced_motion="reduce"
        )
        shown = Opened(context.new_page(), context, [], [])
        shown.page.goto(kiosk.url)
        shown.shows(ready="yes")
        shown.touch(".switch")
        shown.touch(".main.start")
        shown.touch(".pick")
        expect(shown.page.locator(".speak")).to_be_visible(timeout=MINUTES_MS)  # the engine is ready
        try:
            yield kiosk, shown, microphone
        finally:
            browser.close()


def pushed_until(shown: Opened, step: str) -> bool:
    """Push the button and speak, again while nothing is heard; whether the page came to the step."""
    for _ in range(PUSHES):
        speak(shown)
        if ended(shown, step):
            return True
        if shown.page.locator(".voice").count():
            shown.touch(".voice .second")
    return False


def speak(shown: Opened) -> None:
    """Push the button; the page listens from then on."""
    shown.touch(".speak")
    expect(shown.page.locator(".voice")).to_be_visible(timeout=MINUTES_MS)


def ended(shown: Opened, step: str) -> bool:
    """Wait until the page is at the step, True, or its listening has ended otherwise, False."""
    deadline = time.monotonic() + MINUTES_MS / 1e3
    while time.monotonic() < deadline:
        if shown.page.locator(f"html[data-step='{step}']").count():
            return True
        if shown.page.locator(".voice.nothing").count() or not shown.page.locator(".voice").count():
            return False
        shown.page.wait_for_timeout(100)
    raise AssertionError(f"the page came neither to {step!r} nor to an end of its listening")


def test_a_dish_that_is_said_is_asked_about_and_a_spoken_yes_puts_it_into_the_cart(tmp_path: Path) -> None:
    """ "떡볶이 하나", and "네"."""
    # The kiosk asks twice. On a busy machine it may listen beside the one word both times, so the customer comes again.
    assert any(has_ordered(tmp_path / str(visit)) for visit in range(VISITS)), "no spoken yes was heard in any visit"


def has_ordered(folder: Path) -> bool:
    """A visit: whether the spoken yes was heard; then the dish is in the cart, once."""
    folder.mkdir()
    with ordering(folder) as (_, shown, microphone):
        says(microphone, "tteokbokki-one")
        assert pushed_until(shown, "dish")
        says(microphone, "yes")
        expect(shown.page.locator(".heard")).to_contain_text("떡볶이 1개", timeout=MINUTES_MS)
        if not ended(shown, "cart"):
            return False
        expect(shown.page.locator(".line output")).to_have_text("1")
        cart = stored(shown)
        assert [(line["dish"], line["count"]) for line in cart["cart"]] == [("tteokbokki", 1)]
        assert cart["by"]["voice"] == 1
        return True


def test_babble_puts_nothing_and_opens_no_dish(tmp_path: Path) -> None:
    """Several voices at once: nothing is heard, or at worst that the customer has done."""
    with ordering(tmp_path) as (_, shown, _microphone):
        speak(shown)
        assert not ended(shown, "dish")
        assert stored(shown)["cart"] == []
