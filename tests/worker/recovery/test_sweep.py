"""Uploads without a result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import from_text, now
from contracts.names import Reference, new_image_id
from tests.strategies import references
from worker.recovery.sweep import (
    FORGOTTEN_AFTER,
    MAX_SWEPT,
    ListedUpload,
    SweepResult,
    find_unanswered,
    without_result,
)

AT = from_text("2026-11-22T05:11:40.123Z")


@given(st.sets(references), st.sets(references), st.data())
def test_the_sweep_finds_exactly_the_uploads_that_have_no_result(
    some: set[Reference], foreign: set[Reference], data: st.DataObject
) -> None:
    """Whatever has a result, whatever results are left of expired uploads: S3's listings are merged right."""
    done = {one for one in some if data.draw(st.booleans())} | foreign

    def in_order(names: set[Reference]) -> list[Reference]:
        return [Reference.parse(text) for text in sorted(map(str, names), key=str.encode)]

    def results_from(first: Reference) -> Iterator[Reference]:
        return (one for one in in_order(done) if one.kiosk_id == first.kiosk_id and one.image_id >= first.image_id)

    uploads = [ListedUpload(one, AT) for one in in_order(some)]
    assert [one.reference for one in without_result(uploads, results_from)] == in_order(some - done)


class Listings:
    """Uploads of one kiosk, none with a result."""

    def __init__(self, *ages: timedelta) -> None:
        at = now()
        self.all = [
            ListedUpload(Reference("demo", new_image_id(at, bytes([0] * 8 + [place >> 8, place & 255]))), at - age)
            for place, age in enumerate(ages)
        ]

    def uploads(self) -> list[ListedUpload]:
        return self.all

    def results_from(self, first: Reference) -> list[Reference]:  # noqa: ARG002
        return []


SECOND = timedelta(seconds=1)


def test_forgotten_is_what_waits_for_five_minutes_whoever_was_to_look_at_it() -> None:
    """What was given up is not: it has an alarm of its own, and would keep this one on until it expires."""
    listings = Listings(FORGOTTEN_AFTER + SECOND, FORGOTTEN_AFTER - 30 * SECOND, FORGOTTEN_AFTER + SECOND)
    first, second, third = (one.reference for one in listings.all)
    found = find_unanswered(listings, older_than=timedelta(0), without=lambda one: one == first)
    assert found == SweepResult([second, third], forgotten=1)


def test_a_worker_that_is_not_alone_leaves_young_uploads_to_the_queue() -> None:
    """It would look at photos that another one has in hand."""
    listings = Listings(FORGOTTEN_AFTER + SECOND, SECOND)
    found = find_unanswered(listings, older_than=FORGOTTEN_AFTER, without=lambda _: False)
    assert found == SweepResult([listings.all[0].reference], forgotten=1)


def test_one_look_brings_no_more_than_it_may_and_counts_all() -> None:
    listings = Listings(*[timedelta(hours=1)] * (MAX_SWEPT + 5))
    found = find_unanswered(listings, older_than=timedelta(0), without=lambda _: False)
    assert (len(found.references), found.forgotten) == (MAX_SWEPT, MAX_SWEPT + 5)
