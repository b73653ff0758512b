"""Finds uploads without a result: what an event or a command that got lost, or a closed shop, left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.names import Reference


def without_result(uploads: Iterable[Reference], results: Iterable[Reference]) -> Iterator[Reference]:
    """The uploads that have no result. Both must be sorted; each is read once, and nothing is held in memory."""
    remaining = iter(results)
    result = next(remaining, None)
    for upload in uploads:
        while result is not None and _order(result) < _order(upload):
            result = next(remaining, None)
        if result is None or result != upload:
            yield upload


def _order(reference: Reference) -> str:
    # S3 lists keys in the order of their bytes, where `a-b/…` comes before `a/…`: '-' is less than '/'.
    return str(reference)
