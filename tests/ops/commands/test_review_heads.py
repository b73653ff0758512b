"""`nunchi review export|import|agreement` in a cloud whose recipe teaches heads, against AWS as moto has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws
from typer import Typer
from typer.testing import CliRunner, Result

from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels
from local.state import Hold, StateDir
from ops.commands.dataset import dataset as dataset_group
from ops.commands.review import EXIT_PARTLY_STORED
from ops.commands.review import review as review_group
from ops.exits import Exit
from recipes.reading import InvalidRecipe, load
from retrain.bucket import DatasetBucket, Tree
from retrain.review.heads.interface import label_config
from tests.local.test_state import record
from tests.retrain.review.shop import JPEG, annotation, photo

REGION: Final = "eu-west-1"
OUTPUTS = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"DatasetBucket": {"Value": "dataset"}, "ImagesBucket": {"Value": "images"}},
}
FACE = Box(0.1, 0.2, 0.3, 0.6)
SAID = SubjectLabels("mask", {}, (LabelledSubject(FACE, {"mask": "worn", "gender": "female", "age": "elder"}),))


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetBucket]:
    """An account with the pipeline deployed for the recipe mask, in the region of an operator's nunchi.toml."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\nrecipe = "mask"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(OUTPUTS)
        )
        for name in ("dataset", "images"):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield DatasetBucket(s3, "dataset", label_suffix=".json")


def review(*arguments: str) -> Result:
    return CliRunner().invoke(review_group, arguments)


def told(result: Result) -> str:
    return " ".join(result.output.split())


def submit(folder: Path, file: Path, **answers: str) -> Path:
    """Label Studio's export of a folder's tasks, with other answers to some questions."""
    tasks: list[dict[str, Any]] = json.loads((folder / "tasks.json").read_text())
    for task in tasks:
        results = task["predictions"][0]["result"]
        for result in results:
            question = result["from_name"].rpartition("-")[0]
            if question in answers:
                result["value"]["choices"] = [answers[question]]
        task["annotations"] = [annotation(results)]
    file.write_text(json.dumps(tasks))
    return file


def test_photos_go_out_by_the_recipe_and_answers_come_back(bucket: DatasetBucket) -> None:
    bucket.put_pair(Tree.REVIEW, photo(1), jpeg=JPEG, labels=SAID.to_json())
    result = review("export", "out")
    assert "1 photo is in out: 1 unsure, 0 sampled from the sure ones" in told(result)
    assert Path("out/label_config.xml").read_text() == label_config(load("mask"))
    file = submit(Path("out"), Path("x.json"), mask="incorrect")
    result = review("import", str(file), "--golden-share", "0")
    assert result.exit_code == 0
    assert "1 photo is stored: 1 for training, 0 for judgement; 1 of them corrected" in told(result)
    assert "nunchi train" in told(result)
    [pair] = bucket.pairs(Tree.REVIEWED)
    [subject] = SubjectLabels.from_json(bucket.labels(pair) or "").subjects
    assert subject == LabelledSubject(FACE, {"mask": "incorrect", "gender": "female", "age": "elder"})
    assert "1 were stored before" in told(review("import", str(file)))


def test_what_does_not_fit_the_recipe_is_told(bucket: DatasetBucket) -> None:
    bucket.put_pair(Tree.REVIEW, photo(1), jpeg=JPEG, labels=SAID.to_json())
    assert review("export", "out").exit_code == 0
    result = review("import", str(submit(Path("out"), Path("x.json"), mask="half", gender="other")))
    assert result.exit_code == EXIT_PARTLY_STORED
    assert "mask is ['half'], not worn, incorrect, none; answer it anew; gender is ['other'], not" in told(result)
    assert bucket.pairs(Tree.REVIEWED) == bucket.pairs(Tree.GOLDEN) == []


def test_the_export_of_another_project_is_refused(bucket: DatasetBucket) -> None:
    Path("x.json").write_text('[{"data": {"image": "x.jpg"}, "annotations": []}]')
    result = review("import", "x.json")
    assert result.exit_code == Exit.INVALID
    assert "names no photo, so it is not of nunchi review export; nothing was stored" in told(result)
    assert bucket.keys("") == []


def test_a_cloud_on_this_machine_has_the_recipe_of_its_record(tmp_path: Path) -> None:
    """Whatever nunchi.toml says."""
    folder = StateDir(tmp_path / "cloud")
    with Hold(folder):
        folder.write(replace(record(tmp_path), recipe="mask"))
        result = review("agreement", "--local", "--state", str(tmp_path / "cloud"))
    assert isinstance(result.exception, InvalidRecipe)


@pytest.mark.parametrize(
    ("group", "command", "instead"),
    [
        (review_group, ("agreement",), "nunchi review import"),
        (dataset_group, ("import", "{folder}", "--tree", "reviewed", "--kiosk", "k1"), "nunchi recipe import"),
        (dataset_group, ("build", "{folder}/built"), "nunchi recipe explore"),
    ],
)
def test_what_is_a_detectors_is_refused_where_the_recipe_has_none(
    bucket: DatasetBucket, tmp_path: Path, group: Typer, command: tuple[str, ...], instead: str
) -> None:
    """Else YOLO's label files would come to lie beside the recipe's own, which no training of it reads."""
    (tmp_path / "folder").mkdir()
    result = CliRunner().invoke(group, [each.format(folder=tmp_path / "folder") for each in command])
    assert isinstance(result.exception, InvalidRecipe)
    assert "the recipe 'mask' of this cloud has none; nothing was done" in str(result.exception)
    assert instead in str(result.exception)
    assert bucket.keys("") == []
