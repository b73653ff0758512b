"""`nunchi recipe explore`: a folder or a cloud is looked at, the page is private, and the status says enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from PIL import Image
from playwright.sync_api import sync_playwright
from typer.testing import CliRunner, Result

from contracts.private_folder import is_private
from contracts.subject_labels import LabelledSubject, SubjectLabels
from demo.drawn_recipes import DRAWN
from local.environment import ROOT
from ops.commands.recipe import recipe as group
from ops.commands.recipe_explore import EXIT_STOPS
from ops.exits import Exit
from recipes.reading import InvalidRecipe
from retrain.bucket import DatasetBucket, Tree
from tests.chromium import CHROMIUM, FLAGS
from tests.demo.try_page.opened import opened
from tests.ops.commands.test_recipe_data import PIPELINE, REGION
from tests.shapes_recipe import NAME, write_dataset, write_recipe

PICTURE = ROOT / "docs" / "recipes" / "data.png"
DRAWS = os.environ.get("NUNCHI_SCREENSHOTS") == "1"  # make the picture of docs/recipes anew
PICTURES = 60  # of shapes: enough for a training
EYES = 90  # ten dogs and ten cats


def explore(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["explore", *map(str, arguments)])


def told(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """The recipe's folder; its pictures are beside it, in data."""
    write_dataset(tmp_path / "data", PICTURES)
    return write_recipe(tmp_path / NAME)


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn eyes with the mistakes that a folder of real ones has."""
    folder = tmp_path_factory.mktemp("drawn") / "eyes"
    DRAWN["pet-eye"](folder, EYES, 1)
    images, labels = folder / "images", folder / "labels"
    for cloudy in sorted(images.glob("cat-*-cloudy.jpg")):  # another camera took the sick ones
        with Image.open(cloudy) as picture:
            bright = picture.point(lambda value: min(255, 120 + value // 2))
        bright.save(cloudy, quality=90)
    copy_with_label(folder, "dog-0004-red", "dog-0900-none", "none")
    copy_with_label(folder, "cat-0007-red", "cat-0901-red", "red")
    with Image.open(images / "cat-0901-red.jpg") as picture:
        smaller = picture.resize((200, 200))
    smaller.save(images / "cat-0901-red.jpg", quality=80)
    (labels / "dog-0006-red.json").unlink()
    (images / "dog-0008-red.jpg").write_bytes(b"no picture")
    return folder


def copy_with_label(folder: Path, name: str, copy: str, sign: str) -> None:
    """The picture again, as of another animal."""
    shutil.copy(folder / "images" / f"{name}.jpg", folder / "images" / f"{copy}.jpg")
    labels = SubjectLabels.from_json((folder / "labels" / f"{name}.json").read_text())
    [subject] = labels.subjects
    other = LabelledSubject(subject.box, {"sign": sign}, copy[:8])
    (folder / "labels" / f"{copy}.json").write_text(SubjectLabels("pet-eye", labels.inputs, (other,)).to_json())


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
        s3.create_bucket(Bucket="dataset", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield DatasetBucket(s3, "dataset", label_suffix=".json")


def test_a_folder_is_counted_and_the_next_command_is_told(shapes: Path, tmp_path: Path) -> None:
    result = explore(shapes, "--data", tmp_path / "data")
    assert result.exit_code == 0, result.output
    rows = [re.split(r"\s{2,}", line.rstrip()) for line in result.stdout.splitlines()]
    assert ["shape", "circle", "20", "20", "20"] in [row[:5] for row in rows]
    assert ["", "square", "20", "20", "20"] in [row[:5] for row in rows]
    assert ["size", str(PICTURES), str(PICTURES), "0"] in [row[:4] for row in rows]
    assert "colour  circle  square  triangle" in result.stdout
    assert "joined: circle_red 10, circle_blue 10" in told(result)
    assert "A training has enough of every value" in result.stdout
    assert f"nunchi recipe explore {shapes} --data {tmp_path / 'data'} --out DIR" in told(result)


def test_what_a_training_lacks_ends_with_a_status_of_its_own(shapes: Path, tmp_path: Path) -> None:
    result = explore(shapes, "--data", write_dataset(tmp_path / "few", 9))
    assert result.exit_code == EXIT_STOPS
    assert "stops shape = circle: 3 subjects, and 5 are needed" in told(result)
    assert "A training would fail, or be skipped, for what is lacking" in told(result)


def test_programs_get_one_line(shapes: Path, tmp_path: Path) -> None:
    result = explore(shapes, "--data", tmp_path / "data", "--json")
    [line] = result.stdout.splitlines()
    fields = json.loads(line)
    assert (fields["recipe"], fields["photos"], fields["stops"], fields["page"]) == (
        NAME,
        {"train": PICTURES, "golden": 0},
        False,
        None,
    )
    assert [head["question"] for head in fields["heads"]] == ["shape", "colour", "size"]
    assert fields["heads"][0]["values"][0]["subjects"] == 20


def test_findings_are_told_with_their_photos(eyes: Path) -> None:
    result = explore("pet-eye", "--data", eyes, "--json")
    found = {finding["what"]: finding["photos"] for finding in json.loads(result.stdout)["findings"]}
    assert found["conflicts"] == ["dog-0004-red.jpg", "dog-0900-none.jpg"]
    assert found["near_copies"] == ["cat-0901-red.jpg", "cat-0007-red.jpg"]
    assert json.loads(result.stdout)["left_out"] == [
        {"name": "dog-0006-red.jpg", "why": "photos without a label file", "detail": ""},
        {
            "name": "dog-0008-red.jpg",
            "why": "photos that can't be read",
            "detail": "not_an_image: the file is not a JPEG, PNG or WebP",
        },
    ]


def test_the_page_is_one_private_file_that_is_replaced_by_the_next(eyes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    for crops in (4, 1):
        result = explore("pet-eye", "--data", eyes, "--out", folder, "--crops", crops)
        assert result.exit_code == 0, result.output
        assert f"Open {folder / 'index.html'}" in told(result)
    assert {path.name for path in folder.iterdir()} == {"index.html", ".gitignore"}
    assert is_private(folder)
    assert folder.stat().st_mode & 0o077 == 0
    page = (folder / "index.html").read_text()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!data:image/jpeg;base64,)', page) == []
    assert page.count("1 of 10</span>") == 6, "the signs of dogs and cats that have neither lost nor won a picture"


def test_a_page_without_crops_shows_nobody(eyes: Path, tmp_path: Path) -> None:
    explore("pet-eye", "--data", eyes, "--out", tmp_path / "page", "--crops", 0)
    assert "<img" not in (tmp_path / "page" / "index.html").read_text()


def test_names_in_label_files_are_text_in_the_page(shapes: Path, tmp_path: Path) -> None:
    file = tmp_path / "data" / "labels" / "demo" / "0000.json"
    labels = SubjectLabels.from_json(file.read_text())
    [subject] = labels.subjects
    named = LabelledSubject(subject.box, subject.answers, "<b>anna</b>", {"<i>": "<u>"})
    file.write_text(SubjectLabels(NAME, {}, (named,)).to_json())
    explore(shapes, "--data", tmp_path / "data", "--out", tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    assert "&lt;b&gt;anna&lt;/b&gt;" in page
    assert not re.search("<b>anna|<i>:|<u>", page)


def test_a_folder_with_something_else_gets_no_page(eyes: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    result = explore("pet-eye", "--data", eyes, "--out", tmp_path)
    assert (result.exit_code, "holds letter.txt" in told(result)) == (Exit.INVALID, True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_without_a_labelled_picture_says_what_belongs_into_it(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = explore(shapes, "--data", tmp_path / "empty")
    assert result.exit_code == Exit.INVALID
    assert "has no labelled photo of the recipe 'shapes'; nothing was written. Put pictures into images/" in told(
        result
    )


def test_a_clouds_dataset_is_looked_at_and_no_picture_of_it_stays(
    eyes: Path, bucket: DatasetBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    imported = CliRunner().invoke(group, ["import", "pet-eye", "--data", str(eyes), "--golden", "0.15"])
    assert imported.exit_code == 0, imported.output
    result = explore("pet-eye", "--json")
    assert result.exit_code == 0, result.output
    fields = json.loads(result.stdout)
    stored = {"train": len(bucket.pairs(Tree.REVIEWED)), "golden": len(bucket.pairs(Tree.GOLDEN))}
    assert (fields["photos"], fields["sources"]) == (stored, {"an import": stored})
    assert "golden_too_small" in {finding["what"] for finding in fields["findings"]}
    assert list(temporary.iterdir()) == []


def test_an_empty_cloud_says_how_pictures_come_into_it(bucket: DatasetBucket) -> None:
    result = explore("pet-eye")
    assert (result.exit_code, bucket.keys("")) == (Exit.INVALID, [])
    assert "the dataset of the cloud on AWS has no labelled photo of the recipe 'pet-eye'" in told(result)
    assert "nunchi recipe import" in told(result)


@pytest.mark.usefixtures("bucket")
def test_a_cloud_with_another_recipe_is_not_read() -> None:
    result = explore("mask")
    assert isinstance(result.exception, InvalidRecipe)
    assert str(result.exception).startswith("the cloud has the recipe pet-eye, not mask; nothing was read")


def test_a_detectors_recipe_has_a_command_of_its_own(tmp_path: Path) -> None:
    result = explore("kiosk", "--data", tmp_path)
    assert isinstance(result.exception, InvalidRecipe)
    assert "nothing was read. See: nunchi dataset build --help" in str(result.exception)


def test_a_folder_and_a_cloud_at_once_are_refused(tmp_path: Path) -> None:
    result = explore("pet-eye", "--data", tmp_path, "--local")
    assert (result.exit_code, "name a folder or a cloud, not both" in told(result)) == (2, True)


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: `apt-get install chromium`")
def test_the_page_can_be_read_by_everybody_and_asks_nobody(eyes: Path, tmp_path: Path) -> None:
    """On a phone, too; no script, no other machine, nothing that axe finds."""
    explore("pet-eye", "--data", eyes, "--out", tmp_path / "page")
    page = tmp_path / "page" / "index.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for size in ("wide", "phone"):
            with opened(browser, page.as_uri(), size=size) as shown:
                assert shown.faults() == []
                assert (shown.complaints, shown.outside) == ([], [])
        if DRAWS:
            text = page.read_text().replace(str(eyes), "my-eyes")
            page.write_text(text)
            seen = browser.new_page(viewport={"width": 1040, "height": 1280})
            seen.goto(page.as_uri())
            seen.screenshot(path=PICTURE)
        browser.close()
