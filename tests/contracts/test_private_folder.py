"""Keys and photos of people stay out of a repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from contracts.private_folder import GITIGNORE, is_private, make_private


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def untracked(repository: Path) -> list[str]:
    """What `git add .` would take."""
    return subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_git_sees_nothing_of_a_private_folder(repository: Path) -> None:
    folder = repository / "out" / "shop1"
    make_private(folder)
    (folder / "shop1.key.pem").write_text("key")
    (folder / "images").mkdir()
    (folder / "images" / "a.jpg").write_bytes(b"jpeg")
    assert untracked(repository) == []
    assert is_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_making_it_again_changes_nothing(tmp_path: Path) -> None:
    make_private(tmp_path / "shop1")
    text = (tmp_path / "shop1" / GITIGNORE).read_text()
    make_private(tmp_path / "shop1")
    assert (tmp_path / "shop1" / GITIGNORE).read_text() == text


def test_a_folder_with_other_files_is_not_hidden(repository: Path) -> None:
    """The root of somebody's repository must not vanish from it."""
    (repository / "kiosk.py").write_text("")
    make_private(repository)
    assert untracked(repository) == ["kiosk.py"]
    assert not is_private(repository)


def test_a_folder_that_does_not_exist_is_not_private(tmp_path: Path) -> None:
    assert not is_private(tmp_path / "none")


def test_the_repository_ignores_what_the_documents_write_into() -> None:
    root = Path(__file__).parents[2]
    assert (
        subprocess.run(["git", "check-ignore", "--quiet", "out/review/images/a.jpg"], cwd=root, check=False).returncode
        == 0
    )
