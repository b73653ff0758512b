"""A dataset bucket and an images bucket, as moto has them."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket
from retrain.review.confidences import Results
from tests.retrain.review.shop import Shop


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        s3.create_bucket(Bucket="images")
        yield Shop(s3, DatasetBucket(s3, "dataset", classes=LABELS), Results(s3, "images"))
