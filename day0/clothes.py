"""Counts how often the worker names the colours of drawn clothes right, and writes docs/recipes/lego-colours.json.

    python -m day0.clothes

Clothes are drawn in colours that are not the worker's centres (demo/drawn_clothes.py). It says how the finder, the
regions and the naming of colours work together; what real cloth and light do to it, it does not say.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from contracts.answers_message import UNSEEN
from demo.drawn_clothes import people
from imaging.decoding import decode
from recipes.colours import Palette
from recipes.recipe import BOTTOM, TOP, Finder, Region
from retrain.intervals import exact
from worker.models.finders import default_finder
from worker.models.heads import ColourHead

REPORT: Final = Path(__file__).parents[1] / "docs" / "recipes" / "lego-colours.json"
PEOPLE: Final = 260  # each colour twenty times, for tops and for bottoms
SURE_FROM: Final = 0.6  # of the recipe


def main() -> None:
    """Write the report."""
    report = measured(PEOPLE)
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    print(f"wrote {REPORT}")


def measured(count: int) -> dict[str, Any]:
    """The figures of `count` drawn people."""
    find = default_finder(Finder.PERSON).find
    heads = {of: ColourHead(Region(of), Palette.BASIC13) for of in (TOP, BOTTOM)}
    found, said = 0, {of: Counter[tuple[str, str]]() for of in heads}
    sure = {of: Counter[bool]() for of in heads}
    for person in people(count):
        image = decode(person.jpeg).image
        subjects = find(image)
        found += len(subjects) == 1
        for subject in subjects[:1]:
            for of, truth in ((TOP, person.top), (BOTTOM, person.bottom)):
                answer = heads[of].answer(image, subject)
                said[of][truth, answer.value] += 1
                if answer.confidence >= SURE_FROM:
                    sure[of][answer.value == truth] += 1
    return {"people": count, "found": found, **{of: _figures(said[of], sure[of]) for of in heads}}


def _figures(said: Counter[tuple[str, str]], sure: Counter[bool]) -> dict[str, Any]:
    seen = sum(number for (_, value), number in said.items() if value != UNSEEN)
    right = sum(number for (truth, value), number in said.items() if value == truth)
    return {
        "seen": seen,
        "right": right,
        "interval": [round(end, 4) for end in exact(right, seen)],
        "sure": sum(sure.values()),
        "sure_and_right": sure[True],
        "mistaken": {
            f"{truth} as {value}": number for (truth, value), number in sorted(said.items()) if truth != value
        },
    }


if __name__ == "__main__":
    main()
