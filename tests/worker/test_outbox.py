"""What was decided and not told survives the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.messages import Result
from tests.strategies import results
from worker.outbox import Outbox


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(results, max_size=4, unique_by=lambda result: result.message.reference))
def test_another_process_finds_what_was_put_and_not_removed(tmp_path: Path, put: list[Result]) -> None:
    outbox = Outbox(tmp_path / "outbox")
    for result in put:
        outbox.put(result)
    for result in put[1:]:
        outbox.told(result.message.reference)
    assert [outbox.find(result.message.reference) for result in put] == [
        (result, number > 0) for number, result in enumerate(put)
    ]
    expected = [(result, number > 0) for number, result in enumerate(put)]
    assert sorted(Outbox(tmp_path / "outbox").left_over(), key=repr) == sorted(expected, key=repr)
    for result in put:
        outbox.remove(result.message.reference)
        outbox.remove(result.message.reference)  # twice does no harm
        assert outbox.find(result.message.reference) is None
    assert list(Outbox(tmp_path / "outbox").left_over()) == []


def test_a_file_that_is_no_result_is_dropped_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "demo_x.json").write_text("{")
    (tmp_path / "demo_y.told").write_bytes(b"\xff\xfe")
    (tmp_path / "demo_z.part").write_text("half a resu")
    assert Outbox(tmp_path).left_over() == []
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(results)
def test_a_full_disk_is_not_filled_with_names_of_what_did_not_fit(tmp_path: Path, result: Result) -> None:
    """One a photo, and each look at the outbox would go through all of them."""
    outbox, photo = Outbox(tmp_path), result.message.reference
    (tmp_path / f"{photo.kiosk_id}_{photo.image_id}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        outbox.put(result)
    assert list(tmp_path.iterdir()) == []
