"""`nunchi recipe …`: drawn pictures train a model, and labelled ones reach the dataset of a cloud that wants them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from contracts.subject_labels import SubjectLabels
from ops.commands.recipe import recipe as group
from ops.exits import Exit
from recipes.reading import InvalidRecipe, folder_of
from retrain.bucket import DatasetBucket, Tree
from tests.retrain.heads.test_aihub import MAP, put

REGION = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"DatasetBucket": {"Value": "dataset"}, "ImagesBucket": {"Value": "images"}},
}
PICTURES = 54  # six dogs and six cats: a head needs five pictures of each sign


def recipe(*arguments: object) -> Result:
    return CliRunner().invoke(group, list(map(str, arguments)))


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "eyes"
    told = recipe("draw", "pet-eye", folder, "--pictures", PICTURES)
    assert told.exit_code == 0, told.output
    return folder


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetBucket]:
    """The dataset of a cloud on AWS with the recipe pet-eye."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\nrecipe = "pet-eye"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    with mock_aws():
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE)
        )
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="dataset", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield DatasetBucket(s3, "dataset", label_suffix=".json")


def test_drawn_eyes_train_a_model_and_each_head_has_its_figures(eyes: Path, tmp_path: Path) -> None:
    """Two heads of one name are two rows."""
    own = tmp_path / "mine"
    own.mkdir()
    text = (folder_of("pet-eye") / "recipe.toml").read_text(encoding="utf-8")
    (own / "recipe.toml").write_text(re.sub("augment = .*", "", text), encoding="utf-8")  # quicker
    shutil.copytree(eyes, tmp_path / "data")
    told = recipe("train", own, "--data", tmp_path / "data", "--trained-on", "drawn eyes")
    assert told.exit_code == 0, told.output
    rows = [line for line in told.output.splitlines() if line.startswith("sign")]
    assert [re.split(r"\s{2,}", row)[:2] for row in rows] == [
        ["sign, if species is dog", "30"],
        ["sign, if species is cat", "24"],
    ]
    assert json.loads((own / "model" / "manifest.json").read_text())["trained_on"] == "drawn eyes"


def test_what_was_not_drawn_is_not_overwritten(eyes: Path) -> None:
    told = recipe("draw", "pet-eye", eyes, "--pictures", 1, "--seed", 2)
    assert (told.exit_code, "nothing was drawn. Name a new folder" in " ".join(told.output.split())) == (
        Exit.INVALID,
        True,
    )


def test_a_recipe_without_drawings_names_those_with(tmp_path: Path) -> None:
    told = recipe("draw", "mask", tmp_path / "new")
    assert told.exit_code == 2
    assert "there are no drawings of mask; choose pet-eye" in " ".join(told.output.split()).replace("│ ", "")
    assert not (tmp_path / "new").exists()


def test_a_folder_is_imported_and_no_animal_is_on_both_sides(bucket: DatasetBucket, eyes: Path) -> None:
    told = recipe("import", "pet-eye", "--data", eyes, "--golden", 0.3, "--json")
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    animals = {
        tree: {SubjectLabels.from_json(bucket.labels(pair) or "").subjects[0].group for pair in bucket.pairs(tree)}
        for tree in (Tree.REVIEWED, Tree.GOLDEN)
    }
    assert said == {
        "kiosk": "import",
        "stored": {str(tree): len(bucket.pairs(tree)) for tree in animals},
        "taken": {},
        "left_out": {},
    }
    assert sum(said["stored"].values()) == PICTURES
    assert animals[Tree.GOLDEN]
    assert animals[Tree.GOLDEN].isdisjoint(animals[Tree.REVIEWED])


def test_ai_hubs_pictures_are_imported_through_a_map_and_what_is_not_used_is_listed(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    put(tmp_path / "set", 1)
    put(tmp_path / "set", 2, "결막염", "무")
    put(tmp_path / "set", 3, "유루증", "유")
    (tmp_path / "map.toml").write_text(MAP, encoding="utf-8")
    told = recipe("import", "pet-eye", "--data", tmp_path / "set", "--format", "aihub", "--map", tmp_path / "map.toml")
    assert told.exit_code == 0, told.output
    assert told.output.splitlines()[:4] == [
        "  1 dog, 결막염 무: none",
        "  1 dog, 백내장 초기: cloudy",
        "left out 1 of 유루증, which the file does not name",
        "2 pictures teach, 0 judge, as kiosk import",
    ]
    assert len(bucket.pairs(Tree.REVIEWED)) == 2


def test_ai_hubs_pictures_need_a_map(tmp_path: Path) -> None:
    told = recipe("import", "pet-eye", "--data", tmp_path, "--format", "aihub")
    assert told.exit_code == 2
    assert "--format aihub and --map go together" in " ".join(told.output.split())


def test_an_empty_folder_says_what_belongs_into_it(tmp_path: Path) -> None:
    told = recipe("import", "pet-eye", "--data", tmp_path)
    assert told.exit_code == Exit.INVALID
    assert "nothing was imported. Put pictures into images/" in " ".join(told.output.split())


def test_a_cloud_with_another_recipe_gets_nothing(bucket: DatasetBucket, eyes: Path, tmp_path: Path) -> None:
    """Its trainings would never read the pictures."""
    (tmp_path / "nunchi.toml").write_text(f'region = "{REGION}"\nrecipe = "mask"\n')
    told = recipe("import", "pet-eye", "--data", eyes)
    assert isinstance(told.exception, InvalidRecipe)
    assert str(told.exception).startswith("the cloud has the recipe mask, not pet-eye; nothing was imported")
    assert bucket.pairs(Tree.REVIEWED) == []
