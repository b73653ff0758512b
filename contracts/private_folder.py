"""Folders of private files, keys and photos of people: readable by their owner, and ignored by git."""

from __future__ import annotations

from pathlib import Path
from typing import Final

GITIGNORE: Final = ".gitignore"
_EVERYTHING: Final = "*"
_TEXT: Final = (
    f"# Made by nunchi: this folder holds keys or photos of people, which no repository should have.\n{_EVERYTHING}\n"
)


def make_private(folder: Path) -> None:
    """Make the folder with a `.gitignore` that names all of it, itself included; OSError when that fails.

    A folder that holds something else already gets no `.gitignore`: it might hide what belongs to a repository.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not any(folder.iterdir()):
        (folder / GITIGNORE).touch(mode=0o644)
        (folder / GITIGNORE).write_text(_TEXT)


def is_private(folder: Path) -> bool:
    """Whether git ignores all of the folder, by the folder's own `.gitignore`."""
    try:
        return _EVERYTHING in (folder / GITIGNORE).read_text().splitlines()
    except OSError:
        return False
