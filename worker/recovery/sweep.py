"""The sweep: finds uploads without a result, left by a lost event, command or message, or by closing time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Final, NamedTuple, Protocol

from contracts.instants import now
from contracts.names import Reference

MAX_SWEPT: Final = 1_000  # photos of one sweep
FORGOTTEN_AFTER: Final = timedelta(minutes=5)


class ListedUpload(NamedTuple):
    """An upload as S3 lists it."""

    reference: Reference
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The photos to process, at most MAX_SWEPT; and how many uploads are older than FORGOTTEN_AFTER."""

    references: list[Reference]
    forgotten: int


class ListsUploads(Protocol):
    """The methods of the store that the sweep uses."""

    def uploads(self) -> Iterable[ListedUpload]: ...

    def results_from(self, first: Reference) -> Iterable[Reference]: ...


def find_unanswered(
    listings: ListsUploads,
    *,
    older_than: timedelta,
    without: Callable[[Reference], bool],
    answered_too: bool = False,
) -> SweepResult:
    """The uploads without a result that are older than `older_than`, in order, except those where `without` is true.

    `answered_too`: also those with a result, which should have been deleted.
    `forgotten` counts uploads older than FORGOTTEN_AFTER, whichever worker should have processed them. Photos that this
    worker gave up are excluded: they have a metric and an alarm of their own.
    """
    at = now()
    references: list[Reference] = []
    forgotten = 0
    uploads = listings.uploads() if answered_too else without_result(listings.uploads(), listings.results_from)
    for upload in uploads:
        if without(upload.reference):
            continue
        age = at - upload.uploaded_at
        forgotten += age >= FORGOTTEN_AFTER
        if len(references) < MAX_SWEPT and age >= older_than:
            references.append(upload.reference)
    return SweepResult(references, forgotten)


def without_result(
    uploads: Iterable[ListedUpload], results_from: Callable[[Reference], Iterable[Reference]]
) -> Iterator[ListedUpload]:
    """The uploads that have no result, in order, by a merge of two sorted listings in constant memory.

    `uploads` must be sorted. `results_from(first)` gives the results of first's kiosk from that photo on, sorted.
    Results are kept for months and uploads for days: older results are not listed.
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
