"""A folder for Label Studio, from a dataset bucket as moto has it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.boxes import Box, LabelledBox
from contracts.instants import now
from contracts.private_folder import is_private
from recipes.kiosk.answers import Answers
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from retrain.bucket import Tree, stem
from retrain.dataset import DatasetManifest
from retrain.dataset.photos import Excluded, ExclusionReason
from retrain.errors import InvalidReview
from retrain.review.confidences import with_confidence
from retrain.review.export import ExportSummary, export
from retrain.review.label_studio import label_config
from tests.pictures import encoded, gradient
from tests.retrain.review.shop import HER, HIM, JPEG, LEFT, NOON, Shop, photo


def tasks(folder: Path) -> dict[str, dict[str, Any]]:
    """By the photo."""
    return {one["data"]["photo"]: one for one in json.loads((folder / "tasks.json").read_text())}


def written(
    shop: Shop, folder: Path, *, sample_share: float = 1, most: int | None = None, **options: Any
) -> ExportSummary:
    return export(
        shop.bucket, shop.results, folder, sample_share=sample_share, most=most, weigh=PEOPLE.weigh, **options
    )


def test_the_unsure_and_a_sample_of_the_sure_are_written(shop: Shop, tmp_path: Path) -> None:
    unsure = shop.put(Tree.REVIEW, photo(1))
    sure = shop.put(Tree.AUTO, photo(2), (HER, HIM))
    folder = tmp_path / "a" / "review"
    assert written(shop, folder) == ExportSummary(unsure=1, sample=1, left=0)
    assert {one.name for one in folder.iterdir()} == {
        ".gitignore",
        "images",
        "tasks.json",
        "label_config.xml",
        "README.txt",
    }
    assert is_private(folder)
    assert {one.name: one.read_bytes() for one in (folder / "images").iterdir()} == {
        f"{stem(unsure)}.jpg": JPEG,
        f"{stem(sure)}.jpg": JPEG,
    }
    assert (folder / "label_config.xml").read_text() == label_config(classes=LABELS)
    found = tasks(folder)
    assert {name: (one["data"]["tree"], one["data"]["sample"]) for name, one in found.items()} == {
        str(unsure): ("review", False),
        str(sure): ("auto", True),
    }
    [prediction] = found[str(sure)]["predictions"]
    assert [one["value"]["rectanglelabels"] for one in prediction["result"]] == [["elder_female"], ["adult_male"]]


def test_the_model_and_how_sure_it_was_come_from_the_result(shop: Shop, tmp_path: Path) -> None:
    """While there is one; and the size of the picture from itself."""
    known = shop.put(Tree.REVIEW, photo(1), jpeg=encoded(gradient(64, 48)))
    shop.put(Tree.REVIEW, photo(2), jpeg=b"\xff\xd8 no picture")
    shop.decide(known, Person(Label.ELDER_FEMALE, 0.61, LEFT), Person(Label.ADULT_MALE, 0.99, Box(0.8, 0, 1, 1)))
    written(shop, tmp_path / "out")
    found = tasks(tmp_path / "out")
    [prediction] = found[str(known)]["predictions"]
    [result] = prediction["result"]
    assert (prediction["model_version"], prediction["score"], result["score"]) == ("cascade day-0", 0.61, 0.61)
    assert (result["original_width"], result["original_height"]) == (64, 48)
    [prediction] = found[str(photo(2))]["predictions"]
    assert (prediction["model_version"], "score" in prediction) == ("nunchi", False)
    assert "original_width" not in prediction["result"][0]


def test_what_a_person_has_checked_is_not_shown_again(shop: Shop, tmp_path: Path) -> None:
    """Reviewed, golden, or one of which nobody can tell."""
    for number, tree in enumerate((Tree.REVIEWED, Tree.GOLDEN), start=1):
        shop.put(Tree.AUTO, photo(number))
        shop.put(tree, photo(number))
    shop.put(Tree.REVIEW, photo(3))
    shop.bucket.put(photo(3).note_key(Tree.REVIEWED), b"{}", "application/json")
    waiting = shop.put(Tree.REVIEW, photo(4))
    assert written(shop, tmp_path / "out") == ExportSummary(unsure=1, sample=0, left=0)
    assert set(tasks(tmp_path / "out")) == {str(waiting)}


def test_at_most_so_many_are_written_and_the_rest_is_told(shop: Shop, tmp_path: Path) -> None:
    for number in range(6):
        shop.put(Tree.REVIEW, photo(number))
        shop.put(Tree.AUTO, photo(number, kiosk="door"))
    assert written(shop, tmp_path / "out", most=4) == ExportSummary(unsure=2, sample=2, left=8)
    assert len(tasks(tmp_path / "out")) == 4


def test_photos_of_one_kiosk_alone_can_be_asked_for(shop: Shop, tmp_path: Path) -> None:
    shop.put(Tree.AUTO, photo(1))
    there = shop.put(Tree.AUTO, photo(1, kiosk="door"))
    assert written(shop, tmp_path / "out", kiosk="door") == ExportSummary(unsure=0, sample=1, left=0)
    assert set(tasks(tmp_path / "out")) == {str(there)}


def test_photos_that_came_lately_alone_can_be_asked_for(shop: Shop, tmp_path: Path) -> None:
    shop.put(Tree.AUTO, photo(1))
    day = timedelta(days=1)
    assert written(shop, tmp_path / "old", since=now() + day) == ExportSummary(unsure=0, sample=0, left=0)
    assert written(shop, tmp_path / "new", since=now() - day) == ExportSummary(unsure=0, sample=1, left=0)


def test_a_broken_label_file_shows_nobody(shop: Shop, tmp_path: Path) -> None:
    """Whoever looks draws them."""
    shop.bucket.put_pair(Tree.REVIEW, photo(1), jpeg=JPEG, labels="not a label\n")
    written(shop, tmp_path / "out")
    assert tasks(tmp_path / "out")[str(photo(1))]["predictions"] == [{"model_version": "nunchi", "result": []}]


def test_a_folder_that_holds_something_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    shop.put(Tree.REVIEW, photo(1))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidReview, match="not an empty folder, so nothing was written"):
        written(shop, tmp_path)
    with pytest.raises(InvalidReview, match="not an empty folder"):
        written(shop, tmp_path / "mine.txt")
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_without_photos_there_are_no_tasks(shop: Shop, tmp_path: Path) -> None:
    assert written(shop, tmp_path / "out") == ExportSummary(unsure=0, sample=0, left=0)
    assert tasks(tmp_path / "out") == {}


def test_a_confidence_is_that_of_the_same_person_under_the_same_label() -> None:
    """A result of other labels tells nothing of these."""
    people = [Person(Label.ELDER_FEMALE, 0.61, LEFT)]
    assert with_confidence(HER, people).confidence == 0.61
    assert with_confidence(LabelledBox(Label.ELDER_MALE, LEFT), people).confidence is None
    assert with_confidence(HIM, people).confidence is None


def test_those_whose_answers_are_near_the_border_are_written_before_those_far_from_it(
    shop: Shop, tmp_path: Path
) -> None:
    """Of 40 men below the gate ten may be elders: of the first twenty they are most."""
    adult = LabelledBox(Label.ADULT_MALE, LEFT)
    for number in range(40):
        shop.put(Tree.REVIEW, photo(number), [adult])
        answers = Answers.of(elder=0.49 if number < 10 else 0.0, female=0.0)
        shop.decide(photo(number), Person(Label.ADULT_MALE, 0.5, LEFT, answers))
    written(shop, tmp_path / "out", most=20)
    assert len({str(photo(number)) for number in range(10)} & set(tasks(tmp_path / "out"))) >= 8


def test_auto_photos_that_the_last_build_suspects_wait_with_the_unsure(shop: Shop, tmp_path: Path) -> None:
    """Those of the random sample stay in it: the sample must not lose the model's mistakes."""
    for number in range(3):
        shop.put(Tree.AUTO, photo(number))
    for build, reason in (("b1", ExclusionReason.DUPLICATE), ("b2", ExclusionReason.SUSPECT)):
        left_out = (
            Excluded(photo(1), Tree.AUTO, reason),
            Excluded(photo(2), Tree.AUTO, ExclusionReason.OVER_CAP),
        )
        manifest = DatasetManifest(build=build, made_at=NOON, settings={}, items=(), excluded=left_out, classes=LABELS)
        shop.bucket.put(f"builds/{build}/manifest.json", manifest.to_json().encode(), "application/json")
    assert written(shop, tmp_path / "none", sample_share=0) == ExportSummary(unsure=1, sample=0, left=0)
    assert set(tasks(tmp_path / "none")) == {str(photo(1))}
    assert written(shop, tmp_path / "all", sample_share=1) == ExportSummary(unsure=0, sample=3, left=0)
