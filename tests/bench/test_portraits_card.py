"""The model card holds the measured figures of both trainings on the portraits."""

from __future__ import annotations

import json

import pytest

from bench.portraits_card import MARK, REPORT, table
from day0.card import CARD, filled


def test_the_model_card_holds_the_report_of_both_trainings() -> None:
    """After another run: copy its report.json there, then python -m bench.portraits_card."""
    report = json.loads(REPORT.read_text())
    assert filled(CARD.read_text(), {MARK: table(report)}) == CARD.read_text()
    assert [outcome["verdict"] for outcome in report["outcomes"]] == ["kept", "kept"]
    assert "**Day 0 stays the default**" in CARD.read_text()


def test_a_table_replaces_the_text_between_its_marks_only() -> None:
    text = "<!-- one -->\nold\n<!-- / -->\nbetween\n<!-- the other -->\nkept\n<!-- / -->\n"
    assert filled(text, {"one": "new"}) == text.replace("old", "new")
    with pytest.raises(ValueError, match="no place for another: "):
        filled(text, {"one": "new", "another": "lost"})
