"""Finds uploads without a result: what a lost event, command or message, or a closed shop, left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Final, NamedTuple, Protocol

from contracts.instants import now
from contracts.names import Reference

MOST_SWEPT: Final = 1_000  # photos from one look
FORGOTTEN_AFTER: Final = timedelta(minutes=5)


class ListedUpload(NamedTuple):
    """An upload as a listing shows it."""

    reference: Reference
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a look found: photos to work on, the first MOST_SWEPT of them; and how many wait longer than they should."""

    references: list[Reference]
    forgotten: int


class ListsUploads(Protocol):
    """The side of the store that this uses."""

    def uploads(self) -> Iterable[ListedUpload]: ...

    def results_from(self, first: Reference) -> Iterable[Reference]: ...


def find_unanswered(
    listings: ListsUploads, *, older_than: timedelta, without: Callable[[Reference], bool]
) -> SweepResult:
    """The uploads without a result that are older than a time, but for those `without` holds of, in order.

    Forgotten are those that were uploaded FORGOTTEN_AFTER ago, whoever was to work on them. What this worker gave up is
    not: that has a metric, and an alarm, of its own.
    """
    at = now()
    references: list[Reference] = []
    forgotten = 0
    for upload in without_result(listings.uploads(), listings.results_from):
        if without(upload.reference):
            continue
        age = at - upload.uploaded_at
        forgotten += age >= FORGOTTEN_AFTER
        if len(references) < MOST_SWEPT and age >= older_than:
            references.append(upload.reference)
    return SweepResult(references, forgotten)


def without_result(
    uploads: Iterable[ListedUpload], results_from: Callable[[Reference], Iterable[Reference]]
) -> Iterator[ListedUpload]:
    """The uploads that have no result, in order; nothing is held in memory.

    `uploads` must be sorted. `results_from(first)` gives the results of first's kiosk from that photo on, sorted.
    Results are kept for months and uploads for days: older ones are not even listed.
    """
    for _, of_kiosk in groupby(uploads, key=lambda upload: upload.reference.kiosk_id):
        first = next(of_kiosk)
        results = iter(results_from(first.reference))
        result = next(results, None)
        for upload in chain([first], of_kiosk):
            while result is not None and result.image_id < upload.reference.image_id:
                result = next(results, None)
            if result != upload.reference:
                yield upload
