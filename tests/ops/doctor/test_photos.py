"""`nunchi doctor`: uploads without a result, and the last label."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from config.nunchi_toml import Config
from config.sections import HoursSettings
from contracts.instants import now
from contracts.names import Reference, new_image_id
from ops.doctor import photos
from ops.doctor.examination import Deployment, State, attention, ill, well
from ops.doctor.photos import MAX_LISTED
from tests.ops.doctor.deployments import NIGHT, NOON, Aws, Pages


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3 as moto plays it, with the images bucket."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
        yield s3


def of_bucket(s3: Any, *, at: datetime | None = None, hours: HoursSettings | None = None, **more: Any) -> Deployment:
    """A deployment whose S3 is moto's."""
    always = HoursSettings.model_validate({"windows": ["00:00-24:00"]})
    return Deployment(
        lambda service: s3 if service == "s3" else Aws(),
        config=Config(hours=hours or always),
        now=(lambda: at) if at else now,
        **more,
    )


def put(s3: Any, key: str) -> None:
    s3.put_object(Bucket="images", Key=key, Body=b"x")


class AnHourAgo:
    """moto's S3, where all was written an hour earlier: moto knows no other time than now."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def get_paginator(self, operation: str) -> Pages:
        return Pages(getattr(self, operation))

    def list_objects_v2(self, **parameters: Any) -> Any:
        answer = self.s3.list_objects_v2(**parameters)
        for one in answer.get("Contents", []):
            one["LastModified"] -= timedelta(hours=1)
        return answer


def test_an_upload_without_a_result_is_ill_after_five_minutes(bucket: Any) -> None:
    """Those with one are not; what is no upload's key is none."""
    answered, lost = (Reference("demo", new_image_id(now() + timedelta(seconds=n))) for n in (0, 1))
    for key in (answered.upload_key, answered.result_key, lost.upload_key, "uploads/holiday.jpg", "results/x"):
        put(bucket, key)
    assert photos.uploads(of_bucket(AnHourAgo(bucket))) == ill(
        "1 without a result after five minutes",
        "aws logs tail /nunchi/worker --since 30m --filter-pattern sweep",
    )


def test_a_cloud_on_this_machine_has_its_logs_in_a_folder(bucket: Any, tmp_path: Path) -> None:
    put(bucket, Reference("demo", new_image_id(now())).upload_key)
    folder = tmp_path / "my logs"
    found = photos.uploads(of_bucket(AnHourAgo(bucket), local=True, logs=folder))
    assert found.remedy == f"tail -n 50 '{folder}'/worker*.log"


def test_uploads_that_just_came_are_no_illness(bucket: Any) -> None:
    put(bucket, Reference("demo", new_image_id(now())).upload_key)
    assert photos.uploads(of_bucket(bucket)) == well("none is without a result after five minutes")


class Endless:
    """A bucket with more uploads than anybody lists, each without a result, a thousand a page."""

    def __init__(self) -> None:
        self.pages = 0

    def get_paginator(self, _operation: str) -> Endless:
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:
        while Prefix == "uploads/":
            self.pages += 1
            at = NOON - timedelta(days=1)
            keys = [Reference("demo", new_image_id(at + timedelta(seconds=n + 1000 * self.pages))) for n in range(1000)]
            yield {"Contents": [{"Key": one.upload_key, "LastModified": at} for one in keys]}


def test_a_look_at_uploads_ends_and_says_that_it_did_not_see_all() -> None:
    endless = Endless()
    found = photos.uploads(of_bucket(endless))
    assert endless.pages == MAX_LISTED // 1000
    assert found.text == f"{MAX_LISTED - 1} of the first {MAX_LISTED} without a result after five minutes"


def test_uploads_of_a_closed_shop_wait_for_its_start() -> None:
    found = photos.uploads(of_bucket(Endless(), at=NIGHT, hours=HoursSettings()))
    assert (found.state, found.text.endswith("; the next start finds them")) == (State.WELL, True)


def test_the_last_label_is_the_newest_result_of_any_kiosk(bucket: Any) -> None:
    """Written now, by moto; of kiosks whose older results nobody lists."""
    for kiosk, ago in (("a", timedelta(days=30)), ("b", timedelta(days=2)), ("c", timedelta(minutes=5))):
        put(bucket, Reference(kiosk, new_image_id(now() - ago)).result_key)
    found = photos.last_label(of_bucket(bucket))
    assert (found.state, found.text.partition(" ago, ")[2]) == (State.WELL, "kiosk c")
    later = photos.last_label(of_bucket(bucket, at=now() + timedelta(days=3)))
    assert later.text == "3 days ago, kiosk c"


def test_a_week_without_a_label_needs_attention(bucket: Any) -> None:
    put(bucket, Reference("a", new_image_id(now() - timedelta(days=30))).result_key)
    assert photos.last_label(of_bucket(bucket)) == attention(
        "none in a week", "nunchi kiosk list; is a kiosk on, and does it upload?"
    )


def test_keys_that_are_no_uploads_are_named(bucket: Any) -> None:
    """A photo under another name is never labelled, and else nothing says so."""
    put(bucket, Reference("demo", new_image_id(now())).upload_key)
    assert photos.foreign(of_bucket(bucket)) == well("every object has the key of an upload or a result")
    for key in ("uploads/demo/photo1.jpg", "photo1.jpg", "photos/a.jpg"):
        put(bucket, key)
    assert photos.foreign(of_bucket(bucket)) == attention(
        "3 objects get no label, as their keys are not uploads/KIOSK/ID.jpg: uploads/demo/photo1.jpg, photo1.jpg, "
        "photos/…",
        "docs/kiosk-makers.md says how to name them",
    )
