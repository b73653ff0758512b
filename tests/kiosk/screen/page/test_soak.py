"""Some minutes of a shop in fast time; `python -m bench.kiosk soak` runs two hours."""

from __future__ import annotations

from playwright.sync_api import Browser

from bench.kiosk import soak
from bench.kiosk.page import camera_script, scenes, shown
from tests.kiosk.screen.page.conftest import Kiosk

VISITS, SEED = 8, 3  # with fewer, what the last visit left to be collected looks like a leak


def test_after_minutes_of_customers_the_page_is_as_it_was_and_every_order_is_in_the_book_once(
    kiosk: Kiosk, browser: Browser
) -> None:
    """Some order, some leave in the middle; an answer is lost on its way, the labeller is away, the camera is off."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    opened = shown(context, script=camera_script(scenes(soak.PEOPLE), fps=soak.FPS, size=soak.PICTURE))
    opened.page.clock.install()
    opened.page.goto(kiosk.url)
    opened.shows(ready="yes", step="attract")
    try:
        found = soak.Soak(opened, kiosk, seed=SEED).run(visits=VISITS, warm_up=1)
    finally:
        context.close()
    visits, held = found["counts"]["visits"], found["held"]
    assert (found["ends_at"], found["errors"]) == ("attract", [])
    assert found["orders"]["numbers"] == found["orders"]["written_once"] == found["counts"]["receipts"] > 0
    assert found["orders"]["written"] == 40 + found["counts"]["receipts"]  # forty were sold before
    assert held["ended"]["listeners"] - held["began"]["listeners"] < visits  # less than one a visit
