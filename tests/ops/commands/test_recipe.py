"""`nunchi recipe`: what there is, what is wrong, training and figures, as a person meets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import NunchiError
from contracts.subject_labels import SubjectLabels
from ops.__main__ import app
from tests.shapes_recipe import NAME, write_dataset, write_recipe

PICTURES = 60


def refused(*words: str) -> str:
    """What a command that fails says."""
    error = ran(*words).exception
    assert isinstance(error, NunchiError)
    return str(error)


def ran(*words: str) -> Result:
    return CliRunner().invoke(app, ["recipe", *words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shapes recipe with a model that `nunchi recipe train` has made, and its pictures."""
    folder = tmp_path_factory.mktemp("shapes")
    write_recipe(folder / NAME)
    write_dataset(folder / "data", PICTURES)
    told = ran("train", str(folder / NAME), "--data", str(folder / "data"))
    assert told.exit_code == 0, told.output
    assert "is ready. Next: nunchi try --recipe" in " ".join(told.output.split())
    return folder


def test_the_list_names_every_recipe_and_its_questions() -> None:
    rows = [json.loads(line) for line in ran("list", "--json").output.splitlines()]
    by_name = {row["name"]: row for row in rows}
    assert by_name["kiosk"]["questions"] == {"age": ["elder", "adult"], "gender": ["male", "female"]}
    assert by_name["kiosk"]["classes"] == ["elder_male", "elder_female", "adult_male", "adult_female"]
    assert len(by_name["mask"]["classes"]) == 18
    assert "mask, gender, age" in ran("list").output


def test_a_valid_recipe_is_shown_with_what_to_do_next(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / NAME)
    told = " ".join(ran("check", str(recipe)).output.split())
    assert "shapes is valid: looks for whole, asks 3 questions" in told
    assert re.search(r"size +10 to 40 +whole", told)
    assert "joined: shape, colour; 6 classes" in told
    assert "Next: nunchi recipe train" in told


def test_missing_texts_are_named(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / NAME)
    texts = recipe / "texts.ko.toml"
    texts.write_text(texts.read_text().replace("circle =", "kreis ="))
    told = refused("check", str(recipe))
    assert "texts.ko.toml: value.shape.circle is missing" in told
    assert "texts.ko.toml: the recipe has no value.shape.kreis" in told


def test_the_kiosk_is_taught_as_a_detector(tmp_path: Path) -> None:
    assert "nunchi train --help" in refused("train", "kiosk", "--data", str(tmp_path))


def test_a_training_shows_its_figures_and_leaves_a_model_beside_the_recipe(folder: Path) -> None:
    manifest = json.loads((folder / NAME / "model" / "manifest.json").read_text())
    assert manifest["trained_on"] == "pictures of data"
    assert json.loads((folder / NAME / "model" / "report.json").read_text())["subjects"] == PICTURES


def test_figures_on_other_pictures_are_measured_by_the_workers_code(folder: Path, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "other", 30)
    told = ran("measure", str(folder / NAME), "--data", str(data), "--json")
    report = json.loads(told.stdout.splitlines()[-1])
    assert (report["photos"], report["subjects"], report["found"]) == (30, 30, 30)
    assert report["questions"]["shape"]["count"] == 30
    assert report["questions"]["joined"]["right"] <= report["questions"]["shape"]["right"]
    assert report["questions"]["size"]["mae"] < 10
    assert "30 of 30 subjects of 30 groups are found" in ran("measure", str(folder / NAME), "--data", str(data)).output


def test_nothing_is_measured_on_pictures_of_another_recipe(folder: Path, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "other", 1)
    [file] = (data / "labels" / "demo").iterdir()
    file.write_text(SubjectLabels("mask", {}, ()).to_json())
    told = refused("measure", str(folder / NAME), "--data", str(data))
    assert "has no photo with a label file of 'shapes'" in told
