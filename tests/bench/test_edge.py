"""The benchmark of a small box shows each recipe what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.edge import declared, photos_of, table
from imaging.decoding import decode
from recipes.reading import load, names
from worker.models.finders import default_finder


@pytest.mark.parametrize("recipe", names())
def test_every_recipe_finds_its_subjects_in_the_photos_that_it_is_timed_with(recipe: str, tmp_path: Path) -> None:
    """A photo in which nothing is found takes a fraction of the time, and says nothing about the recipe."""
    finder = default_finder(load(recipe).find.kind)
    photos = photos_of(recipe, 3, tmp_path / "drawn")
    assert len(photos) == 3
    for jpeg, said in photos:
        subjects = finder.find(decode(jpeg).image)
        assert subjects
        assert recipe != "lego" or all(subject.body is not None for subject in subjects)
        assert set(said) == set(declared(recipe))


def test_the_table_has_medians_of_rounds_and_each_recipes_ratio_to_the_kiosk() -> None:
    figures = {"photos": 4.0, "first_s": 2.0, "p50_ms": 60.0, "p95_ms": 80.0, "work_ms": 50.0, "mb": 200.0}
    rounds = [
        {"kiosk": figures, "mask": figures | {"work_ms": 100.0, "p50_ms": 110.0}},
        {"kiosk": figures | {"work_ms": 60.0}, "mask": figures | {"work_ms": 90.0}},
        {"kiosk": figures, "mask": figures | {"work_ms": 90.0}},
    ]
    assert table(rounds).splitlines()[2:] == [
        "| `kiosk` | 2.0 | 60 / 80 | 50 | 200 | 1.00 × |",
        "| `mask` | 2.0 | 60 / 80 | 90 | 200 | 1.80 × |",
    ]
