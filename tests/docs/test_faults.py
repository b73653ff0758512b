"""docs/operating.md names tests for each fault of a retraining, and they exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "operating.md").read_text().partition("\n## Retraining\n")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| (.+?) \| (`tests/.+?) \|$", SECTION, re.MULTILINE))
FAULTS = 11
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_fault_has_a_row() -> None:
    assert len(ROWS) == FAULTS


@pytest.mark.parametrize("fault", ROWS)
def test_every_test_of_a_fault_exists(fault: str) -> None:
    named = TEST.findall(ROWS[fault])
    assert named
    assert [(path, test) for path, test in named if f"def {test}(" not in (ROOT / path).read_text()] == []
