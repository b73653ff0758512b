"""docs/recipes/face-score.md: its figures are those of the measurement, its thresholds those of the formula."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from day0.passport.score import FLAWS, HEIGHTS, NAMED_FROM, Amounts, judge
from recipes.reading import folder_of, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes" / "face-score.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "docs" / "recipes" / "face-score-test.json").read_text())
SCORE = MEASURED["questions"]["score"]


def row(name: str, figures: dict[str, Any]) -> str:
    low, high = figures["interval"]
    return (
        f"| {name} | {figures['count']} of {figures['groups']} | {figures['mae']:.2f} | {low:.2f} to {high:.2f} | "
        f"{100 * figures['inside']:.0f} % |"
    )


def test_the_figures_of_the_score_are_those_of_the_measurement_in_every_group() -> None:
    assert row("all", SCORE) in PAGE
    for group, figures in SCORE["by_group"].items():
        assert row(group.replace(" = ", ": "), figures) in PAGE
    assert f"always saying the mean would be off by {SCORE['mae_of_the_mean']:.2f}" in PAGE
    assert f"{MEASURED['groups']} people" in PAGE
    assert f"{MEASURED['found']} of {MEASURED['subjects']} heads are found" in PAGE


def test_the_figures_of_flaws_and_gender_are_those_of_the_measurement() -> None:
    flaw, gender = MEASURED["questions"]["flaw"], MEASURED["questions"]["gender"]
    for value, counts in flaw["by_value"].items():
        assert f"| `{value}` | {counts['right']} of {counts['count']} | {counts['said']} |" in PAGE
    for question, figures in (("flaw", flaw), ("gender", gender)):
        low, high = figures["interval"]
        assert (
            f"| {question} | {figures['right']} of {figures['count']} | {figures['macro_f1']:.2f} | {low:.2f} to "
            f"{high:.2f} | {figures['calibration_error']:.2f} |" in PAGE
        )


@pytest.mark.parametrize("flaw", FLAWS)
def test_the_page_names_where_each_flaw_begins_and_is_complete(flaw: str) -> None:
    """A severity of 0 at the first number, of 1 at the second; the sign says to which side."""
    [cells] = [line.split("|") for line in PAGE.splitlines() if line.startswith(f"| `{flaw}` |") and "from" in line]
    rules = re.findall(r"`(\w+)` from ([\d.]+) to ([\d.]+)", cells[2]) or re.findall(
        r"times `(gain)`, from ([\d.]+) to ([\d.]+)", cells[2]
    )
    assert rules
    for field, *numbers in rules:
        begins, complete = (replace(Amounts(), **{field: float(amount)}) for amount in numbers)
        assert judge(begins, "male").severities[flaw] == pytest.approx(0, abs=0.02)
        assert judge(complete, "male").severities[flaw] == pytest.approx(1, abs=0.02)


def test_the_page_names_the_rule_that_hangs_on_gender_and_when_a_flaw_is_named() -> None:
    for gender, (least, most) in HEIGHTS.items():
        assert f"{gender}: {100 * least:.0f} to {100 * most:.0f} % of the picture's height" in PAGE
    assert f"a severity of {NAMED_FROM:g}" in PAGE


def test_the_shipped_heads_are_those_that_the_page_describes() -> None:
    manifest = json.loads((folder_of("face-score") / "model" / "manifest.json").read_text())
    report = json.loads((folder_of("face-score") / "model" / "report.json").read_text())
    assert [(head["name"], head["net"]) for head in manifest["heads"]] == [
        ("gender", "face"),
        ("score", "lite0"),
        ("score", "lite0"),
        ("flaw", "lite0"),
    ]
    assert f"{report['groups']} people of the splits `train` and `val`" in PAGE
    scores = [figures["by_group"]["flaw = turned"] for name, figures in report["heads"].items() if ".score" in name]
    turned = sum(figures["groups"] for figures in scores)
    assert f"Turned heads were learned from {turned} people, and measured on " in PAGE
    for gender, number in (("male", 1), ("female", 2)):
        width = manifest["heads"][number]["half_width"]
        assert f"{gender}: ± {width:.2f}" in PAGE
    assert [head.name for head in load("face-score").heads] == [head["name"] for head in manifest["heads"]]
