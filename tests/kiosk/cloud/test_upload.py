"""Photos up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.errors import InvalidName
from contracts.instants import now
from contracts.names import image_id_time
from kiosk.cloud.upload import Uploader


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="images")
        yield client


def test_a_photo_goes_to_the_key_of_its_reference(s3: Any) -> None:
    """The bytes as they are, called what the kiosk takes them for."""
    uploader = Uploader(s3, bucket="images", kiosk_id="counter-7")
    reference = uploader.name()
    uploader.upload(reference, b"not even a picture")
    answer = s3.get_object(Bucket="images", Key=f"uploads/counter-7/{reference.image_id}.jpg")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"not even a picture", "image/jpeg")


def test_a_reference_tells_when_its_photo_was_taken(s3: Any) -> None:
    """And no two photos of one moment share one."""
    uploader = Uploader(s3, bucket="images", kiosk_id="k")
    moment = now()
    names = {uploader.name(moment) for _ in range(100)}
    assert len(names) == 100
    assert {image_id_time(one.image_id) for one in names} == {moment}


def test_a_bad_kiosk_id_is_refused_before_anything_is_sent(s3: Any) -> None:
    """Where it enters."""
    with pytest.raises(InvalidName, match="is not a kiosk id"):
        Uploader(s3, bucket="images", kiosk_id="Kiosk 7")
