"""The decision records are numbered without a gap, and each is in the index."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(DECISIONS.glob("0*.md"))


def test_the_index_lists_every_decision_by_its_title() -> None:
    """In order, without other entries."""
    listed = re.findall(r"^\| \[(\d+)\]\((.+?)\) \| (.+?) \|", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    titles = [re.match(r"# (\d+)\. (.+)\n", page.read_text()) for page in PAGES]
    assert listed == [(title[1], page.name, title[2]) for page, title in zip(PAGES, titles, strict=True) if title]


def test_decisions_and_their_files_are_numbered_without_a_gap() -> None:
    """Other documents refer to a decision by its number."""
    numbers = [int(page.name[:4]) for page in PAGES]
    assert numbers == list(range(1, len(PAGES) + 1))
    assert [page.read_text().split(".")[0] for page in PAGES] == [f"# {number}" for number in numbers]
