"""Files that a file manager leaves in a folder say nothing about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrain.dataset import layout
from retrain.errors import InvalidDataset


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._data.yaml"])
def test_a_file_managers_file_does_not_prevent_a_build(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "build"
    for _ in range(2):
        layout.prepare(folder)
        (folder / name).write_bytes(b"made by looking at it")
    layout.prepare(folder)
    assert (folder / "images" / "train").is_dir()


def test_a_file_of_a_person_still_prevents_it(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    layout.prepare(folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InvalidDataset, match=r"holds notes\.txt"):
        layout.prepare(folder)
