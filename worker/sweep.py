"""Finds uploads without a result: what an event or a command that got lost, or a closed shop, left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby

from contracts.names import Reference


def without_result(
    uploads: Iterable[Reference], results_from: Callable[[Reference], Iterable[Reference]]
) -> Iterator[Reference]:
    """The uploads that have no result, in order; nothing is held in memory.

    `uploads` must be sorted. `results_from(first)` gives the results of first's kiosk from that photo on, sorted.
    Results are kept for months and uploads for days: older ones are not even listed.
    """
    for _, of_kiosk in groupby(uploads, key=lambda upload: upload.kiosk_id):
        first = next(of_kiosk)
        results = iter(results_from(first))
        result = next(results, None)
        for upload in chain([first], of_kiosk):
            while result is not None and result.image_id < upload.image_id:
                result = next(results, None)
            if result != upload:
                yield upload
