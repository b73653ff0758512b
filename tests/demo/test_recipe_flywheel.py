"""The demonstration of a recipe's loop, as far as it needs no cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.flywheel import CLOUD
from demo.recipe_flywheel import cloud, split
from recipes.reading import load
from retrain.errors import InvalidDataset
from tests.shapes_recipe import NAME, write_dataset, write_recipe

FEW = 40  # pictures, of which four teach the model to open with


def test_too_few_pictures_are_refused_with_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts alone would be read as those of all pictures. No cloud is started."""
    monkeypatch.delenv("NUNCHI_MODEL", raising=False)
    recipe, data = write_recipe(tmp_path / NAME), write_dataset(tmp_path / "data", FEW)
    parts = split(load(str(recipe)), data)
    with (
        pytest.raises(InvalidDataset, match=r"too few examples(.|\n)*a part of yours: give --data more of them"),
        cloud(tmp_path / "out", str(recipe), parts),
    ):
        pass
    assert not (tmp_path / "out" / CLOUD).exists()
