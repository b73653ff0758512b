"""Which cloud a command means that names none: that of this folder, or of the nearest one above, as git does."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.state import DEFAULT_FOLDER, Hold, StateDir, nearest


def test_the_nearest_cloud_that_is_up_is_found_from_below(tmp_path: Path) -> None:
    shop, photos = tmp_path / "shop", tmp_path / "shop" / "a" / "b"
    photos.mkdir(parents=True)
    above, own = StateDir(tmp_path / DEFAULT_FOLDER), StateDir(shop / DEFAULT_FOLDER)
    assert nearest(photos) == photos / DEFAULT_FOLDER
    with Hold(above):
        assert nearest(photos) == above.path
        own.make()  # a folder in which none is up is passed over
        assert nearest(photos) == above.path
        with Hold(own):
            assert nearest(photos) == own.path
            assert nearest(tmp_path) == above.path
        assert nearest(photos) == above.path
    assert nearest(shop) == own.path


def test_a_command_to_paste_names_the_folder_only_where_it_would_not_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below, state = tmp_path / "below", StateDir(tmp_path / DEFAULT_FOLDER)
    below.mkdir()
    monkeypatch.chdir(below)
    assert state.command("down") == f"nunchi down --state {state.path}"
    with Hold(state):
        assert state.command("down") == "nunchi down"
