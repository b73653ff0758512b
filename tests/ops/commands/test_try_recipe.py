"""`nunchi try` where there is nothing to open: the reason, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.errors import NunchiError
from ops.__main__ import app
from tests.shapes_recipe import write_recipe


def refused(*arguments: str) -> str:
    """The error of a command that must not open anything."""
    told = CliRunner().invoke(app, ["try", *arguments])
    assert isinstance(told.exception, NunchiError), told.output
    assert told.stdout == ""
    return str(told.exception)


def test_a_recipe_without_a_model_names_the_training(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "shapes")
    told = refused(f"--recipe={recipe}", f"--state={tmp_path / 'state'}")
    assert told.endswith(f"nunchi recipe train {recipe} --data FOLDER")
    assert f"there is no {recipe / 'model' / 'manifest.json'}" in told


def test_a_recipe_without_texts_names_each(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "shapes")
    (recipe / "texts.ko.toml").unlink()
    told = refused(f"--recipe={recipe}", f"--state={tmp_path / 'state'}")
    assert "texts are invalid" in told
    assert "texts.ko.toml" in told


def test_the_kiosks_page_is_another(tmp_path: Path) -> None:
    assert "`nunchi up` prints its address" in refused("--recipe=kiosk", f"--state={tmp_path / 'state'}")


@pytest.mark.parametrize("name", ["shape", "masc"])
def test_a_recipe_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    assert f"there is no recipe '{name}'" in refused(f"--recipe={name}", f"--state={tmp_path / 'state'}")
