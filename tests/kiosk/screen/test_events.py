"""Events to the pages: nobody waits for a page."""

from __future__ import annotations

import asyncio

from kiosk.screen.events import MOST_PAGES, WAITING, Events

HELLO = ("hello", '{"visit":null}')


def _events() -> Events:
    return Events(lambda: {"visit": None})


def test_a_page_hears_the_situation_first_and_then_every_event_in_order() -> None:
    """Whatever happened before it connected is in `hello`."""

    async def run() -> list[tuple[str, str]]:
        events = _events()
        events.publish("visit", {"visit": "lost"})
        page = events.listen()
        heard = [await anext(page)]
        events.publish("visit", {"visit": "a"})
        events.publish("places", {"places": ["떡볶이"]})
        heard += [await anext(page), await anext(page)]
        await page.aclose()
        return heard

    assert asyncio.run(run()) == [HELLO, ("visit", '{"visit":"a"}'), ("places", '{"places":["떡볶이"]}')]


def test_a_page_that_does_not_read_is_dropped_and_the_others_hear_everything() -> None:
    """Its queue is bounded: a dead page costs a few kilobytes until then, and nothing after."""

    async def run() -> tuple[int, list[tuple[str, str]], int]:
        events = _events()
        dead, alive = events.listen(), events.listen()
        await anext(dead)
        heard = [await anext(alive)]
        for number in range(WAITING + 1):
            events.publish("visit", {"visit": number})
            heard.append(await anext(alive))
        left = [event async for event in dead]
        pages = events.pages
        await alive.aclose()
        return pages, left, len(heard)

    assert asyncio.run(run()) == (1, [], WAITING + 2)


def test_the_oldest_page_makes_room_for_one_more_than_there_may_be() -> None:
    """A browser that reloads for a day must not fill the memory."""

    async def run() -> tuple[int, list[tuple[str, str]]]:
        events = _events()
        pages = [events.listen() for _ in range(MOST_PAGES + 1)]
        for page in pages:
            await anext(page)
        first = [event async for event in pages[0]]
        count = events.pages
        for page in pages[1:]:
            await page.aclose()
        return count, first

    assert asyncio.run(run()) == (MOST_PAGES, [])


def test_closing_ends_every_page() -> None:
    """A stop of the agent does not wait for pages."""

    async def run() -> list[tuple[str, str]]:
        events = _events()
        page = events.listen()
        heard = [await anext(page)]
        events.publish("visit", {"visit": "a"})
        events.close()
        return heard + [event async for event in page]

    assert asyncio.run(run()) == [HELLO]
