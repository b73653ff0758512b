"""What customers meet, in a real browser: from the photo to the screen, and from the menu to the number."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from kiosk.errors import NoLabeller
from kiosk.voice.port import Heard
from kiosk.voice.prompts import find
from tests.kiosk.device.messages import person
from tests.kiosk.screen.page.conftest import NOON, SOME_S, Kiosk, Opened
from tests.waiting import until

Opens = Callable[..., Opened]
ELDER, ADULT = "usg_B001232", "usg_G000569"


def order(shown: Opened, *, easy: bool) -> None:
    """From the first page to the number, by touch."""
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".row" if easy else ".dishes .card")
    shown.touch(".forward")  # into the cart
    shown.touch(".forward")  # pay
    shown.touch(".pick", 1)  # cash, at the counter
    shown.shows(step="receipt")


def test_an_old_woman_comes_and_the_screen_turns_with_what_she_may_like(kiosk: Kiosk, opens: Opens) -> None:
    """Large letters, a calm line, three dishes and why; when she leaves, the next person begins anew."""
    shown = opens()
    shown.shows(screen="usual", step="attract")
    kiosk.enters(ELDER, elder=0.95)
    shown.shows(screen="easy", step="attract")
    expect(shown.page.locator(".calm")).to_have_text("천천히 하셔도 됩니다")
    expect(shown.page.locator(".likes h2")).to_have_text("비슷한 손님이 많이 골라요")
    expect(shown.page.locator(".likes .name").first).to_have_text("잔치국수")
    shown.touch(".main.start")
    shown.touch(".pick")
    assert "명 중" in shown.page.locator(".row small").first.inner_text()
    shown.touch(".back, .bar.above button")
    shown.touch(".bar.above button")
    kiosk.leaves()
    shown.shows(screen="usual", step="attract")
    assert shown.errors == []


def test_an_adult_keeps_the_usual_screen(kiosk: Kiosk, opens: Opens) -> None:
    """No suggestion, but dishes for the label."""
    shown = opens()
    kiosk.enters(ADULT, elder=0.05)
    until(lambda: kiosk.labeller.asked != [], within_s=SOME_S, what="a question to the labeller")
    order(shown, easy=False)
    shown.shows(screen="usual", step="receipt")


def test_a_persons_own_switch_wins_over_every_later_label(kiosk: Kiosk, opens: Opens) -> None:
    """She chose the usual screen: an answer that says elder changes nothing until she leaves."""
    shown = opens()
    kiosk.enters(ELDER, elder=0.95)
    shown.shows(screen="easy")
    shown.touch(".switch")
    shown.shows(screen="usual")
    shown.touch(".main.start")
    kiosk.enters(ELDER, elder=0.99)
    shown.touch(".pick")
    shown.shows(screen="usual", step="menu")


def test_a_suggestion_waits_for_the_finger_and_moves_nothing_in_the_cart(kiosk: Kiosk, opens: Opens) -> None:
    """While the glass is touched the screen stays; afterwards it turns, at the same step with the same cart."""
    shown = opens()
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".dishes .card", 2)
    shown.touch(".forward")
    name = shown.page.locator(".line .name").inner_text()
    shown.page.mouse.move(900, 400)
    shown.page.mouse.down()
    kiosk.enters(ELDER, elder=0.95)
    until(lambda: len(kiosk.labeller.asked) > 0, within_s=SOME_S, what="a question to the labeller")
    shown.page.wait_for_timeout(300)  # an event on the loopback interface takes a few milliseconds
    shown.shows(screen="usual", step="menu")
    shown.page.mouse.up()
    shown.shows(screen="easy", step="menu")
    expect(shown.page.locator(".bar .turned")).to_have_text("큰 글자로 바꿨어요")
    shown.touch(".forward")
    expect(shown.page.locator(".turned")).to_have_count(0)
    assert shown.page.locator(".line .name").inner_text() == name


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("easy", [False, True])
def test_an_order_gets_a_number_in_both_screens_and_languages(
    kiosk: Kiosk, opens: Opens, language: str, easy: bool
) -> None:
    """By touch alone; the agent keeps the order with its screen and language, and the next person begins anew."""
    shown = opens(language=language)
    if easy:
        shown.touch(".switch")
        shown.shows(screen="easy")
    order(shown, easy=easy)
    number = shown.page.locator(".receipt .number b").inner_text()
    assert int(number) == 41  # forty were sold before
    assert kiosk.book.figures(NOON.date()).by_screen == ({"easy": 41} if easy else {"easy": 40, "usual": 1})
    shown.touch(".forward")
    shown.shows(step="attract", screen="usual", language=language)
    assert (shown.errors, shown.outside) == ([], [])


def test_an_order_by_keyboard_alone(opens: Opens) -> None:
    """Every control has the focus in turn, and Enter presses it."""
    shown = opens()
    for selector in (".main.start", ".pick", ".dishes .card", ".forward", ".forward", ".pick"):
        _tab_to(shown, selector)
        shown.page.keyboard.press("Enter")
    shown.shows(step="receipt")


def _tab_to(shown: Opened, selector: str) -> None:
    for _ in range(80):
        shown.page.keyboard.press("Tab")
        if shown.page.evaluate("(s) => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} never has the focus")


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
    assert _stored(shown)["cart"] == []


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


def test_a_reload_in_the_middle_of_an_order_keeps_the_cart(opens: Opens) -> None:
    """Step, cart, screen and language are as before."""
    shown = opens()
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".row")
    shown.touch(".forward")
    before = _stored(shown)
    shown.page.reload()
    shown.shows(ready="yes", step="cart", screen="easy")
    assert _stored(shown)["cart"] == before["cart"] != []


def test_without_cloud_and_without_camera_the_shop_sells(kiosk: Kiosk, opens: Opens) -> None:
    """A labeller that answers nothing, a camera that is refused: usual screen, easy by a touch, a number."""
    kiosk.labeller.answer = NoLabeller("the broker is down")
    shown = opens(camera=True)
    shown.page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError')) }"
    )
    shown.touch(".look")
    shown.touch(".privacy .pair .second")
    shown.touch(".privacy .main")
    order(shown, easy=False)


def test_the_camera_is_really_off_when_a_customer_turns_it_off(opens: Opens) -> None:
    """Its tracks are stopped, and the page says so."""
    shown = opens(camera=True)
    expect(shown.page.locator(".look")).to_have_attribute("aria-label", "카메라 켜짐", timeout=SOME_S * 1e3)
    shown.touch(".look")
    shown.touch(".privacy .pair .second")
    shown.touch(".privacy .main")
    expect(shown.page.locator(".look")).to_have_attribute("aria-label", "카메라 꺼짐")


def test_a_call_for_staff_reaches_the_staffs_view(opens: Opens, kiosk: Kiosk) -> None:
    """One touch; staff sees the time and ticks it off."""
    shown = opens()
    staff = shown.context.new_page()
    staff.goto(f"{kiosk.url}shop")
    shown.touch(".call")
    expect(shown.page.locator(".call")).to_contain_text("직원이 오고 있어요")
    staff.locator(".calls li button").click(timeout=SOME_S * 1e3)
    expect(staff.locator(".calls li")).to_have_count(0)


def test_in_the_page_of_demonstrations_people_come_in_at_a_click(kiosk: Kiosk, opens: Opens) -> None:
    """The kiosk stands in a frame of its own origin, and adapts there; a shop's kiosk may not be framed."""
    shown = opens()
    kiosk.labeller.answer = person(0.95)
    demo = shown.context.new_page()
    demo.goto(f"{kiosk.url}demo")
    demo.locator("#people button").first.click(timeout=SOME_S * 1e3)
    glass = demo.frame_locator("#kiosk")
    expect(glass.locator("html[data-screen='easy']")).to_have_count(1, timeout=SOME_S * 1e3)
    expect(demo.locator("#log .easy")).to_contain_text("an elder with 95 %")


def test_the_page_asks_before_it_forgets_and_forgets_when_nobody_answers(opens: Opens) -> None:
    """After the idle time a question; a touch goes on; without one the page begins anew."""
    shown = opens()
    shown.page.clock.install()
    shown.touch(".main.start")
    shown.page.clock.fast_forward(61_000)
    expect(shown.page.locator(".asking")).to_be_visible()
    shown.touch(".asking .main")
    shown.shows(step="type")
    shown.page.clock.fast_forward(61_000)
    expect(shown.page.locator(".asking")).to_be_visible()
    shown.page.clock.fast_forward(21_000)
    shown.shows(step="attract")


def _stored(shown: Opened) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(shown.page.evaluate("() => localStorage.nunchi"))["state"]
    return state
