"""The decisions: numbered without a gap, and each of them in the index."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(DECISIONS.glob("0*.md"))


def test_the_index_lists_every_decision_by_its_title() -> None:
    """In order, and nothing else."""
    listed = re.findall(r"^\| \[(\d+)\]\((.+?)\) \| (.+?) \|", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    titles = [re.match(r"# (\d+)\. (.+)\n", page.read_text()) for page in PAGES]
    assert listed == [(one[1], page.name, one[2]) for page, one in zip(PAGES, titles, strict=True) if one]


def test_the_decisions_are_numbered_without_a_gap_as_their_files_are() -> None:
    """A reference to a decision is its number."""
    numbers = [int(page.name[:4]) for page in PAGES]
    assert numbers == list(range(1, len(PAGES) + 1))
    assert [page.read_text().split(".")[0] for page in PAGES] == [f"# {number}" for number in numbers]
