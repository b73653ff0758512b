"""What was decided and not told survives the process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.kiosk.message import Result
from tests.strategies import results
from worker.recovery.outbox import Outbox


@settings(max_examples=25)
@given(st.lists(results, max_size=4, unique_by=lambda result: result.message.reference))
def test_another_process_finds_what_was_put_and_not_removed(put: list[Result]) -> None:
    with TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "outbox")
        for result in put:
            outbox.put(result)
        for result in put[1:]:
            outbox.mark_published(result.message.reference)
        expected = [(result, number > 0) for number, result in enumerate(put)]
        assert [outbox.find(result.message.reference) for result in put] == expected
        assert sorted(Outbox(Path(folder) / "outbox").entries(), key=repr) == sorted(expected, key=repr)
        for result in put:
            outbox.remove(result.message.reference)
            outbox.remove(result.message.reference)  # twice does no harm
            assert outbox.find(result.message.reference) is None
        assert list(Outbox(Path(folder) / "outbox").entries()) == []


def test_an_invalid_outbox_file_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "demo_x.json").write_text("{")
    (tmp_path / "demo_y.published").write_bytes(b"\xff\xfe")
    (tmp_path / "demo_z.part").write_text("half a resu")
    assert Outbox(tmp_path).entries() == []
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=5)
@given(results)
def test_a_full_disk_gets_no_empty_files(result: Result) -> None:
    """One a photo, and each look at the outbox would go through all of them."""
    with TemporaryDirectory() as name:
        folder, photo = Path(name), result.message.reference
        outbox = Outbox(folder)
        (folder / f"{photo.kiosk_id}_{photo.image_id}.part").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            outbox.put(result)
        assert list(folder.iterdir()) == []
