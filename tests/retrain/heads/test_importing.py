"""Pictures into a dataset: a person or animal teaches or judges, never both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.boxes import Box
from contracts.names import Reference, new_image_id
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.reading import load
from retrain.bucket import DatasetBucket, Tree
from retrain.heads.dataset import TRAIN, download
from retrain.heads.importing import Pictures, reference_of, split_by_group, store
from retrain.progress import silent
from tests.pictures import encoded, gradient

AT = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        yield DatasetBucket(s3, "dataset", label_suffix=".json")


def labels(group: str | None) -> SubjectLabels:
    return SubjectLabels("pet-eye", {"species": "dog"}, (LabelledSubject(Box(0, 0, 1, 1), {"sign": "red"}, group),))


def many(count: int = 400, pictures_each: int = 3) -> Pictures:
    return [
        (Path(f"{number}-{one}.jpg"), labels(f"dog {number}"))
        for number in range(count)
        for one in range(pictures_each)
    ]


def groups(pictures: Pictures) -> set[str | None]:
    return {each.subjects[0].group for _, each in pictures}


def test_all_pictures_of_an_animal_are_on_one_side() -> None:
    """And about as many animals judge as were asked for."""
    split = split_by_group(many(), 0.25)
    assert groups(split[Tree.GOLDEN]).isdisjoint(groups(split[Tree.REVIEWED]))
    assert sum(map(len, split.values())) == 1200
    assert 70 < len(groups(split[Tree.GOLDEN])) < 130


def test_the_side_of_an_animal_hangs_on_its_name_alone() -> None:
    """So a later folder with more of its pictures does not move it to the other side."""
    first, later = (split_by_group(pictures, 0.25) for pictures in (many(100), many(400, 1)))
    assert groups(first[Tree.GOLDEN]) <= groups(later[Tree.GOLDEN])


@pytest.mark.parametrize(("share", "golden"), [(0.0, 0), (1.0, 1200)])
def test_all_may_teach_and_all_may_judge(share: float, golden: int) -> None:
    assert len(split_by_group(many(), share)[Tree.GOLDEN]) == golden


def test_a_picture_of_no_known_animal_is_its_own() -> None:
    unknown: Pictures = [(Path(f"{number}.jpg"), labels(None)) for number in range(400)]
    assert 60 < len(split_by_group(unknown, 0.25)[Tree.GOLDEN]) < 140


def test_importing_twice_changes_nothing_and_what_is_no_picture_is_counted(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(encoded(gradient(64, 48)))
    bad.write_bytes(b"no picture")
    for _ in range(2):
        pictures: Pictures = [(good, labels("rex")), (bad, labels("rex"))]
        assert store(bucket, pictures, Tree.REVIEWED, device="import") == (1, 1)
    (pair,) = bucket.pairs(Tree.REVIEWED)
    assert pair.reference == reference_of(good.read_bytes(), "import")
    assert SubjectLabels.from_json(bucket.labels(pair) or "") == labels("rex")


def test_no_animal_of_a_golden_photo_teaches(bucket: DatasetBucket, tmp_path: Path) -> None:
    """Whenever and wherever its other photos were taken; those of unknown animals teach."""
    stored = {"golden": "rex", "same": "rex", "other": "fido", "unknown": None}
    references = {}
    for number, (name, group) in enumerate(stored.items()):
        references[name] = Reference(f"counter-{number}", new_image_id(AT + timedelta(days=number), bytes(10)))
        tree = Tree.GOLDEN if name == "golden" else Tree.REVIEWED
        jpeg = encoded(gradient(64, 48).rotate(10 * number))
        bucket.put_pair(tree, references[name], jpeg=jpeg, labels=labels(group).to_json())
    dataset = download(bucket, load("pet-eye"), tmp_path, most=0, say=silent)
    assert set(dataset.train) == {references["other"], references["unknown"]}
    assert dataset.left_out == {references["same"]: "a golden photo shows the same person or animal"}
    left = sorted(path.parent.name for path in (tmp_path / TRAIN / "images").rglob("*.jpg"))
    assert left == sorted(each.kiosk_id for each in dataset.train), "a training reads the whole folder"
