"""What is said and heard, in a real browser: orders by voice, prompts in both languages, where the kiosk stands."""

from __future__ import annotations

from playwright.sync_api import expect

from kiosk.voice.port import Heard
from kiosk.voice.prompts import find
from tests.kiosk.screen.page.conftest import SOME_S, Kiosk, Opened, Opens, order, stored


def test_an_order_by_voice_goes_into_the_cart_after_a_yes(kiosk: Kiosk, opens: Opens) -> None:
    """ "떡볶이 하나" opens the dish and asks; "네" puts it. Sound reaches the engine."""
    kiosk.voice.hears = [Heard("understood", ("tteokbokki", "count-2")), Heard("understood", ("yes",))]
    shown = opens()
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".speak")
    shown.shows(step="dish")
    expect(shown.page.locator(".heard")).to_contain_text("떡볶이 2개")
    shown.shows(step="cart")
    expect(shown.page.locator(".line output")).to_have_text("2")
    assert kiosk.voice.bytes_heard > 0
    assert [("yes" in asked.expect, asked.dish) for asked in kiosk.voice.asked] == [(False, None), (True, "tteokbokki")]


def test_sound_never_overtakes_sound(kiosk: Kiosk, opens: Opens) -> None:
    """A piece goes up when the one before has arrived, however long that takes."""
    kiosk.voice.first_takes_s = 1.0
    shown = opens()
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".speak")
    expect(shown.page.locator(".voice.nothing")).to_be_visible(timeout=SOME_S * 1e3)
    assert kiosk.voice.most_feeding == 1
    assert kiosk.voice.bytes_heard > 5 * 6400


def test_babble_puts_nothing(opens: Opens) -> None:
    """Nothing understood: the page says so, and the cart stays as it was."""
    shown = opens()
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".speak")
    expect(shown.page.locator(".voice.nothing")).to_be_visible(timeout=SOME_S * 1e3)
    shown.touch(".voice .second")
    shown.shows(step="menu")
    assert stored(shown)["cart"] == []


def test_an_answer_that_was_not_heard_is_asked_for_once_more(kiosk: Kiosk, opens: Opens) -> None:
    """The kiosk says which words it waits for, listens again, and only then points at the screen."""
    kiosk.voice.hears = [Heard("understood", ("tteokbokki",))]
    shown = opens()
    _notes_what_is_said(shown)
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".speak")
    expect(shown.page.locator(".voice.nothing")).to_be_visible(timeout=3 * SOME_S * 1e3)
    said = _said(shown)
    assert said[said.index("shall-add") :] == ["shall-add", "listening", "say-yes-or-no", "listening", "not-heard"]
    assert [asked.dish for asked in kiosk.voice.asked] == [None, "tteokbokki", "tteokbokki"]


def test_a_microphone_that_opens_after_the_customer_has_stopped_is_closed_again(opens: Opens) -> None:
    """The browser may take its time; nothing listens afterwards."""
    shown = opens()
    shown.page.evaluate("""() => {
        const devices = navigator.mediaDevices;
        const open = devices.getUserMedia.bind(devices);
        devices.getUserMedia = async (wish) => {
            await new Promise((resolve) => (window.allow = resolve));
            return (window.opened = await open(wish));
        };
    }""")
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".speak")
    shown.page.wait_for_function("() => window.allow", timeout=SOME_S * 1e3)
    shown.touch(".voice .second")
    shown.page.evaluate("() => window.allow()")
    ended = "() => window.opened?.getTracks().every((track) => track.readyState === 'ended')"
    shown.page.wait_for_function(ended, timeout=SOME_S * 1e3)


def test_an_english_customer_hears_what_a_korean_one_hears(opens: Opens) -> None:
    """In easy mode, from the order type to the number; the agent has a file of each prompt."""
    second = {"how-many", "anything-else"}  # a quick touch ends what was said before
    said = {}
    for language in ("ko", "en"):
        shown = opens(language=language)
        _notes_what_is_said(shown)
        shown.touch(".switch")
        order(shown, easy=True)
        said[language] = [name for name in _said(shown) if name not in second]
        shown.context.close()
        assert [name for name in said[language] if find(language, name) is None] == []

    assert said["en"] == said["ko"]
    assert said["en"][:3] == ["welcome-easy", "here-or-away", "choose-dish"]
    assert said["en"][3].startswith("dish-") and {"added", "pay-how", "take-receipt"} <= set(said["en"])


def test_the_kiosk_says_where_it_stands_while_nobody_is_there(opens: Opens) -> None:
    """Again and again where the shop wants it; to somebody who orders, never."""
    shown = opens(here_every_s=0.1)
    _notes_what_is_said(shown)
    shown.page.wait_for_function("() => window.said.length > 1", timeout=SOME_S * 1e3)
    assert set(_said(shown)) == {"kiosk-here"}
    shown.touch(".main.start")
    heard = len(_said(shown))
    shown.page.wait_for_timeout(1000)
    assert len(_said(shown)) == heard


def test_the_key_of_a_remote_control_asks_where_the_kiosk_stands(opens: Opens) -> None:
    """F9 on the first page says it; in the middle of an order it says nothing. It touches nothing."""
    shown = opens()
    _notes_what_is_said(shown)
    shown.page.keyboard.press("F9")
    assert _said(shown) == ["kiosk-here"]
    shown.shows(step="attract", screen="usual")
    shown.touch(".main.start")
    shown.page.keyboard.press("F9")
    assert _said(shown) == ["kiosk-here"]


def _notes_what_is_said(shown: Opened) -> None:
    """From now on the page notes the prompts that it plays."""
    shown.page.evaluate("""() => {
        const { play } = HTMLMediaElement.prototype;
        window.said = [];
        HTMLMediaElement.prototype.play = function () {
            window.said.push(/([\\w-]+)\\.ogg$/.exec(this.src)[1]);
            return play.call(this);
        };
    }""")


def _said(shown: Opened) -> list[str]:
    names: list[str] = shown.page.evaluate("() => window.said")
    return names
