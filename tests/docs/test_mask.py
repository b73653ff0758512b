"""docs/recipes/masks.md: its figures are those of the measurement on people whom the model has not seen."""

from __future__ import annotations

import json
from pathlib import Path

from recipes.reading import folder_of, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes" / "masks.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "docs" / "recipes" / "mask-test.json").read_text())


def test_the_figures_are_those_of_the_measurement() -> None:
    for question in (*load("mask").questions, "joined"):
        figures = MEASURED["questions"][question]
        low, high = figures["interval"]
        right = f"{figures['right']} of {figures['count']}"
        assert f"| {question} | {right} | {figures['macro_f1']:.3f} | {low:.3f} to {high:.3f} |" in PAGE
    for value, row in zip(load("mask").says("mask"), MEASURED["questions"]["mask"]["confusion"], strict=True):
        assert f"| `{value}` | {' | '.join(map(str, row))} |" in PAGE
    assert f"On {MEASURED['groups']} people" in PAGE
    assert f"{MEASURED['found']} of {MEASURED['subjects']} faces are found" in PAGE


def test_the_figures_of_groups_are_those_of_the_measurement() -> None:
    for group in MEASURED["questions"]["mask"]["by_group"]:
        cells = [MEASURED["questions"][question]["by_group"][group] for question in load("mask").questions]
        right = " | ".join(f"{each['right']} of {each['count']}" for each in cells)
        assert f"| {group.replace(' = ', ': ')} | {right} |" in PAGE


def test_the_shipped_heads_stand_on_the_networks_that_the_page_names() -> None:
    manifest = json.loads((folder_of("mask") / "model" / "manifest.json").read_text())
    assert [(head["name"], head["net"]) for head in manifest["heads"]] == [
        ("mask", "lite0"),
        ("gender", "face"),
        ("age", "face"),
    ]
    assert "1,000 people" in manifest["trained_on"]
