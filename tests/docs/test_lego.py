"""docs/recipes/lego.md: its figures are those of the measurements, and what it calls unknown is unknown."""

from __future__ import annotations

import json
from pathlib import Path

from day0.clothes import measured
from recipes.reading import folder_of, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes" / "lego.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "docs" / "recipes" / "lego-test.json").read_text())
COLOURS = json.loads((ROOT / "docs" / "recipes" / "lego-colours.json").read_text())
SOME = 13  # people, of which each has another colour


def test_the_figures_of_gender_are_those_of_the_measurement() -> None:
    figures = MEASURED["questions"]["gender"]
    low, high = figures["interval"]
    cells = [
        f"{figures['right']} of {figures['count']}",
        f"{figures['macro_f1']:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{figures['calibration_error']:.3f}",
    ]
    assert f"| gender | {' | '.join(cells)} |" in PAGE
    assert f"{MEASURED['found']} of {MEASURED['subjects']} are found" in PAGE


def test_the_figures_of_colours_are_those_of_the_measurement() -> None:
    assert f"{COLOURS['people']} people with the head of a portrait" in PAGE
    for part in ("top", "bottom"):
        each = COLOURS[part]
        low, high = each["interval"]
        seen, right = f"{each['seen']} of {COLOURS['people']}", f"{each['right']} of {each['seen']}"
        sure = f"{each['sure']} | {each['sure_and_right']}"
        assert f"| {part} | {seen} | {right} | {low:.1%} to {high:.1%} | {sure} |" in PAGE


def test_drawn_clothes_are_still_named_as_the_page_says() -> None:
    """A few of them, so that a change of finder, regions or centres shows."""
    now = measured(SOME)
    assert (now["people"], now["found"]) == (SOME, SOME)
    assert min(now[part]["right"] for part in ("top", "bottom")) >= SOME - 3


def test_garments_are_unknown_in_the_model_that_is_shipped() -> None:
    manifest = json.loads((folder_of("lego") / "model" / "manifest.json").read_text())
    kinds = [
        "unknown" if head.get("unknown") else "colour" if "colour" in head else "learned" for head in manifest["heads"]
    ]
    assert dict(zip(load("lego").questions, kinds, strict=True)) == {
        "gender": "learned",
        "top": "unknown",
        "top_colour": "colour",
        "bottom": "unknown",
        "bottom_colour": "colour",
    }
    assert "500 people" in manifest["trained_on"]
