"""`nunchi dataset …` against AWS, as moto has it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from contracts.boxes import Box, LabelledBox
from contracts.yolo import format_labels
from ops.aws import AwsError
from ops.commands.dataset import build, draw, fetch, import_, show
from ops.commands.dataset import dataset as group
from ops.exits import Exit
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import DatasetBucket, Tree
from tests.pictures import encoded, gradient
from tests.retrain.dataset.shop import counts, fill

REGION = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"DatasetBucket": {"Value": "dataset"}, "ImagesBucket": {"Value": "images"}},
}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with nothing deployed, in the region of an operator's nunchi.toml."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        yield


@pytest.fixture
def bucket(aws: None) -> DatasetBucket:
    del aws
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE))
    s3 = boto3.client("s3", region_name=REGION)
    for name in ("dataset", "images"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return DatasetBucket(s3, "dataset", classes=LABELS)


def dataset(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments)


def rows(*arguments: str) -> list[dict[str, Any]]:
    told = dataset(*arguments, "--json")
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


def mine(number: int = 4, *, names: str = "names: [adult_male, adult_female, elder_male, grandma]") -> None:
    """A stranger's YOLO folder `mine`, with classes in an order of its own."""
    for one in range(number):
        image, text = Path(f"mine/images/{one}.jpg"), Path(f"mine/labels/{one}.txt")
        image.parent.mkdir(parents=True, exist_ok=True)
        text.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(encoded(gradient(128, 96).rotate(50 * one)))
        text.write_text(f"{one % 4} 0.5 0.5 0.4 0.6\n")
    Path("mine/data.yaml").write_text(names)


def test_a_dataset_is_built_shown_and_fetched(bucket: DatasetBucket) -> None:
    """As programs see it."""
    fill(bucket, 8)
    fill(bucket, 4, tree=Tree.GOLDEN, kiosk="k2")
    [made] = rows("build", "here", "--id", "b1", "--val-share", "0")
    assert made == {
        "build": "b1",
        "made_at": made["made_at"],
        "digest": made["digest"],
        "counts": {
            "train": counts(2, pictures=8),
            "val": counts(0, pictures=0),
            "golden": counts(1, pictures=4),
        },
        "new": 8,
        "left_out": {},
        "warnings": made["warnings"],
        "folder": "here",
        "kept": True,
    }
    shown = {key: made[key] for key in made.keys() - {"folder", "kept"}}
    assert rows("show") == rows("show", "b1") == [shown]
    assert rows("fetch", "b1", "there") == [shown | {"folder": "there"}]
    assert Path("here/manifest.json").read_bytes() == Path("there/manifest.json").read_bytes()
    [again] = rows("build", "again", "--since", "b1", "--val-share", "0", "--no-keep")
    assert (again["new"], again["kept"]) == (0, False)
    assert len(rows("show")) == 1


def test_own_labelled_pictures_are_imported_once(bucket: DatasetBucket) -> None:
    mine()
    options = ("--tree", "golden", "--kiosk", "students", "--class", "grandma=elder_female")
    told: dict[str, Any] = {
        "tree": "golden",
        "kiosk": "students",
        "pictures": 4,
        "left_out": 0,
        "people": dict.fromkeys(LABELS, 1),
        "classes": {
            "from": ["data.yaml"],
            "labels": {"0": "adult_male", "1": "adult_female", "2": "elder_male", "3": "elder_female"},
            "left_out": [],
        },
        "doubled_boxes": 0,
        "boxes_left_out": {},
        "copies": 0,
        "not_read": [],
    }
    assert rows("import", "mine", *options) == [told]
    assert rows("import", "mine", *options) == [told]
    pairs = bucket.pairs(Tree.GOLDEN)
    box = Box(0.3, 0.2, 0.7, 0.8)
    expected = [format_labels([LabelledBox(label, box)], LABELS) for label in LABELS]
    assert sorted(bucket.labels(pair) or "" for pair in pairs) == expected
    [made] = rows("build", "d", "--no-keep")
    assert made["counts"]["golden"]["pictures"] == 4


def test_what_was_learned_from_is_not_taken_into_golden(bucket: DatasetBucket) -> None:
    """Unless the rest shall judge without it."""
    mine()
    options = ("--class", "grandma=elder_female")
    assert dataset("import", "mine", *options).exit_code == 0
    assert rows("build", "d", "--val-share", "0")[0]["counts"]["train"]["pictures"] == 4
    refused = dataset("import", "mine", *options, "--tree", "golden")
    assert refused.exit_code == Exit.INVALID
    assert "a training may have learned from it, so it can't judge" in " ".join(refused.output.split())
    assert list(bucket.pairs(Tree.GOLDEN)) == []


def test_people_are_told_what_to_do_next(bucket: DatasetBucket) -> None:
    mine()
    assert "There is no build yet: nunchi dataset build FOLDER" in dataset("show").output
    imported = dataset("import", "mine", "--class", f"grandma={Label.ELDER_FEMALE}").output
    assert "4 pictures are in reviewed as kiosk import; classes from data.yaml" in imported
    assert "nunchi dataset build FOLDER" in imported
    made = dataset("build", "out/d").output
    assert "out/d/index.html" in made
    assert "there is no elder_male in golden" in made
    [name] = re.findall(r"nunchi dataset fetch (\d{8}t\d{6}z-dataset) FOLDER", made)
    assert re.search(rf"{name}\s+20\d\d-\S+\s+\d", dataset("show").output)
    assert "digest" in dataset("show", name).output
    fetched = dataset("fetch", name, "there").output
    assert "yolo val model=yolov5n.pt data=there/data.yaml" in fetched
    bucket.put("auto/images/k1/" + "0" * 26 + ".jpg", b"torn", "image/jpeg")
    bucket.put("auto/labels/k1/" + "0" * 26 + ".txt", b"", "text/plain")
    assert "left out 1 unreadable: the picture can't be read" in dataset("build", "out/e", "--no-keep").output


def test_pictures_that_are_broken_are_named_and_nothing_is_stored_unless_they_are_skipped(
    bucket: DatasetBucket,
) -> None:
    mine(12, names="names: [adult_male, adult_female, elder_male, elder_female]")
    for one in range(1, 9):
        Path(f"mine/labels/{one}.txt").unlink()
    told = dataset("import", "mine")
    assert told.exit_code == Exit.INVALID
    assert "8 pictures are invalid, and nothing was imported. Fix them, or leave them out: --skip" in told.output
    assert "images/1.jpg: the label file is missing; a picture without people needs an empty one" in told.output
    assert "and 3 more" in told.output
    assert bucket.keys("") == []
    assert rows("import", "mine", "--skip")[0]["left_out"] == 8
    assert "8 pictures are invalid, and they were left out" in dataset("import", "mine", "--skip").output
    assert len(bucket.pairs(Tree.REVIEWED)) == 4


def test_exit_statuses_say_what_is_wrong(bucket: DatasetBucket) -> None:
    fill(bucket, 2)
    assert dataset("build", "d", "--id", "B 1").exit_code == 2
    assert dataset("build", "d", "--val-share", "2").exit_code == 2
    assert dataset("build", "d", "--since", "b0").exit_code == Exit.INVALID
    assert dataset("build", "d", "--id", "b1").exit_code == 0
    assert dataset("build", "d", "--id", "b1", "--seed", "1").exit_code == Exit.INVALID
    assert dataset("show", "b2").exit_code == Exit.INVALID
    assert dataset("show", "B 2").exit_code == 2
    assert dataset("fetch", "b2", "e").exit_code == Exit.INVALID
    assert dataset("fetch", "../b2", "e").exit_code == 2
    bucket._s3.delete_object(Bucket="dataset", Key=bucket.keys("auto/images/")[0])
    assert dataset("fetch", "b1", "e").exit_code == Exit.INVALID
    assert dataset("fetch", "b1", "e", "--missing-ok").exit_code == 0
    mine(names="names: [adult_male, cat]")
    assert dataset("import", "mine").exit_code == Exit.INVALID
    assert dataset("import", "mine", "--class", "cat=dog").exit_code == 2
    assert dataset("import", "mine", "--class", "cat=adult_male", "--class", "cat=elder_male").exit_code == 2
    assert dataset("import", "mine", "--tree", "auto").exit_code == 2
    assert dataset("import", "mine", "--leave-out", "dog").exit_code == Exit.INVALID
    assert dataset("import", "mine", "--names", "nowhere.yaml").exit_code == Exit.INVALID
    assert dataset("import", "nowhere").exit_code == Exit.INVALID
    assert dataset("import", "mine", "--class", "cat=adult_male", "--kiosk", "A B").exit_code == 2
    assert len(bucket.keys("reviewed/")) == 0


def test_it_is_told_which_order_the_classes_have_and_what_was_not_looked_at(bucket: DatasetBucket) -> None:
    """Our order is taken only where no file states names."""
    mine(1)
    Path("mine/data.yaml").unlink()
    Path("mine/images/x.bmp").write_bytes(b"picture")
    imported = " ".join(dataset("import", "mine").output.split())
    assert f"no file states class names, so classes 0 to 3 are {', '.join(LABELS)}" in imported
    assert ".bmp pictures, not read; convert them to JPEG or PNG: 1 (images/x.bmp)" in imported
    assert rows("import", "mine")[0]["classes"]["from"] == []
    Path("mine/labels/classes.txt").write_text("adult_male\ndog\n")
    assert rows("import", "mine")[0]["classes"] == {
        "from": ["labels/classes.txt"],
        "labels": {"0": "adult_male"},
        "left_out": [],
    }
    assert len(bucket.pairs(Tree.REVIEWED)) == 1


def test_boxes_of_a_class_that_is_no_person_are_left_out(bucket: DatasetBucket) -> None:
    """Its picture stays, and what is left out is told."""
    mine(4, names="names: [adult_male, adult_female, elder_male, dog]")
    refused = " ".join(dataset("import", "mine").output.split())
    assert "is of class 'dog', which is no label" in refused
    assert bucket.keys("") == []
    assert "boxes of dog, left out: 1" in dataset("import", "mine", "--leave-out", "dog").output
    [told] = rows("import", "mine", "--leave-out", "dog")
    assert (told["pictures"], told["boxes_left_out"]) == (4, {"dog": 1})


def test_drawn_pictures_can_be_imported(bucket: DatasetBucket) -> None:
    """So that the documentation can be followed without photos; drawn again, nothing changes."""
    for _ in range(2):
        assert rows("draw", "drawn", "--pictures", "18") == [{"folder": "drawn", "pictures": 18}]
    assert dataset("draw", "drawn", "--pictures", "18", "--seed", "5").exit_code == Exit.INVALID
    [told] = rows("import", "drawn")
    assert (told["pictures"], told["left_out"], told["not_read"]) == (18, 0, [])
    assert min(told["people"].values()) >= 4
    assert len(bucket.pairs(Tree.REVIEWED)) == 18


@pytest.mark.usefixtures("aws")
def test_without_a_deployment_it_says_what_to_deploy() -> None:
    told = dataset("show")
    assert isinstance(told.exception, AwsError)
    assert "NunchiPipeline is not deployed in eu-west-1" in str(told.exception)


@pytest.mark.parametrize(
    "command", [build, draw, fetch, import_, show], ids=["build", "draw", "fetch", "import", "show"]
)
def test_the_exit_statuses_are_documented(command: object) -> None:
    documented = inspect.cleandoc(command.__doc__ or "").split("Exit status:")[1].split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} == {0, 1, 2, Exit.INVALID}
