"""Uploads without a result."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from contracts.names import Reference
from tests.strategies import references
from worker.sweep import without_result


@given(st.sets(references), st.sets(references), st.data())
def test_the_sweep_finds_exactly_the_uploads_that_have_no_result(
    some: set[Reference], foreign: set[Reference], data: st.DataObject
) -> None:
    """Whatever has a result, whatever results are left of expired uploads: S3's listings are merged right."""
    done = {one for one in some if data.draw(st.booleans())} | foreign

    def listed(names: set[Reference]) -> list[Reference]:
        return [Reference.parse(text) for text in sorted(map(str, names), key=str.encode)]

    def results_from(first: Reference) -> Iterator[Reference]:
        return (one for one in listed(done) if one.kiosk_id == first.kiosk_id and one.image_id >= first.image_id)

    assert list(without_result(listed(some), results_from)) == listed(some - done)
