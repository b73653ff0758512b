"""The dataset bucket: only whole pairs count, and what has gone is told as gone."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from hypothesis import given
from moto import mock_aws

from contracts.names import Reference
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket, Tree, reference_of, stem
from tests.strategies import references

ONE = Reference("counter-1", "01jd8v2k5e9m3x7q4r6t0w1y2z")
OTHER = Reference("counter-2", "01jd8v2k5e9m3x7q4r6t0w1y2z")


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        yield DatasetBucket(s3, "dataset", classes=LABELS)


def test_a_picture_without_labels_is_no_pair(bucket: DatasetBucket) -> None:
    bucket.put(ONE.pair_keys(Tree.AUTO)[0], b"jpeg", "image/jpeg")
    bucket.put_pair(Tree.AUTO, OTHER, jpeg=b"other", labels="")
    assert [pair.reference for pair in bucket.pairs(Tree.AUTO)] == [OTHER]


def test_a_tree_holds_its_own_pairs_and_no_other_files(bucket: DatasetBucket) -> None:
    bucket.put_pair(Tree.REVIEWED, ONE, jpeg=b"jpeg", labels="0 0.5 0.5 0.1 0.1\n", note="{}")
    bucket.put("reviewed/images/stray.jpg", b"", "image/jpeg")
    bucket.put("reviewed/labels/stray.txt", b"", "text/plain")
    [pair] = bucket.pairs(Tree.REVIEWED)
    assert (pair.reference, bucket.image(pair), bucket.labels(pair)) == (ONE, b"jpeg", "0 0.5 0.5 0.1 0.1\n")
    assert bucket.get(ONE.note_key(Tree.REVIEWED)) == b"{}"
    assert bucket.pairs(Tree.REVIEW) == bucket.pairs(Tree.GOLDEN) == []


def test_a_picture_that_went_after_it_was_listed_is_none(bucket: DatasetBucket) -> None:
    bucket.put_pair(Tree.AUTO, ONE, jpeg=b"jpeg", labels="")
    [pair] = bucket.pairs(Tree.AUTO)
    bucket._s3.delete_object(Bucket="dataset", Key=ONE.pair_keys(Tree.AUTO)[0])
    assert bucket.image(pair) is None


def test_what_is_put_once_stays(bucket: DatasetBucket) -> None:
    assert bucket.put_once("builds/one/manifest.json", b"first", "application/json")
    assert not bucket.put_once("builds/one/manifest.json", b"second", "application/json")
    assert bucket.get("builds/one/manifest.json") == b"first"


@given(references)
def test_a_dataset_file_names_its_photo(reference: Reference) -> None:
    assert reference_of(f"{stem(reference)}.jpg") == reference_of(f"{stem(reference)}.txt") == reference


def test_who_opened_it_without_classes_is_told_so_before_a_label_file_is_read(bucket: DatasetBucket) -> None:
    """Else each label file would be one of unknown numbers."""
    with mock_aws(), pytest.raises(ValueError, match="the bucket dataset was opened without classes"):
        DatasetBucket(boto3.client("s3", region_name="us-east-1"), bucket.name).classes  # noqa: B018
