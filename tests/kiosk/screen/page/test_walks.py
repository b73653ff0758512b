"""What customers meet, in a real browser: from the photo to the screen, and from the menu to the number."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from kiosk.errors import NoLabeller
from tests.kiosk.device.messages import person
from tests.kiosk.screen.page.conftest import NOON, SOME_S, Kiosk, Opened, Opens, order, stored
from tests.waiting import until

ELDER, ADULT = "usg_B001232", "usg_G000569"


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


def test_a_second_switch_before_the_first_change_is_drawn_is_no_error(opens: Opens) -> None:
    """The browser skips the first transition; the page shows the screen that was chosen last."""
    shown = opens()
    shown.page.evaluate(
        """() => new Promise((done) => {
            const touch = () => document.querySelector(".switch").click();
            const back = new MutationObserver(() => (touch(), back.disconnect(), done()));
            back.observe(document.documentElement, { attributeFilter: ["data-screen"] });
            touch();
        })"""
    )
    shown.page.wait_for_timeout(300)  # a transition takes a quarter of a second
    shown.shows(screen="usual")
    assert shown.errors == []


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


def test_a_reload_in_the_middle_of_an_order_keeps_the_cart(opens: Opens) -> None:
    """Step, cart, screen and language are as before."""
    shown = opens()
    shown.touch(".switch")
    shown.touch(".main.start")
    shown.touch(".pick")
    shown.touch(".row")
    shown.touch(".forward")
    before = stored(shown)
    shown.page.reload()
    shown.shows(ready="yes", step="cart", screen="easy")
    assert stored(shown)["cart"] == before["cart"] != []


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
