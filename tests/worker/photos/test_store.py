"""The worker's side of S3, against moto: what is read, refused, and written once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber
from moto import mock_aws

from contracts.answers_message import WHY
from contracts.messages import DatasetTree, Reason
from contracts.names import YOLO_LABELS, Reference
from recipes.kiosk.message import Result
from tests.recipes.kiosk.test_message import GOLDEN
from worker.photos.store import LINKS, RejectedUpload, S3Store, Upload, UploadMissing, UploadNotDeleted
from worker.photos.task import LabelFile, Picture

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PHOTO = Reference("demo", "01m81j18kv000g40r40m30e209")
RESULT = Result(GOLDEN, DatasetTree.AUTO, "i-1", '"etag"', datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", config=Config(**LINKS))
        client.create_bucket(Bucket="images")
        client.create_bucket(Bucket="dataset")
        yield client


@pytest.fixture
def store(s3: S3Client) -> S3Store:
    return S3Store(s3, images_bucket="images", dataset_bucket="dataset", max_bytes=1000)


def read(s3: S3Client, bucket: str) -> dict[str, bytes]:
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_an_upload_comes_with_the_identity_of_its_bytes(s3: S3Client, store: S3Store) -> None:
    etag = s3.put_object(Bucket="images", Key=PHOTO.upload_key, Body=b"jpeg")["ETag"]
    upload = store.fetch(PHOTO)
    assert isinstance(upload, Upload)
    assert (upload.data, upload.etag) == (b"jpeg", etag)
    assert upload.uploaded_at.tzinfo is not None


def test_a_photo_that_was_never_uploaded_is_missing_and_not_rejected(store: S3Store) -> None:
    """A rejection would be stored, and would answer for the photo when it comes at last."""
    with pytest.raises(UploadMissing, match=r"s3://images/uploads/demo/01m81j18kv000g40r40m30e209\.jpg does not exist"):
        store.fetch(PHOTO)


def test_an_upload_over_the_limit_is_refused_before_it_is_read(s3: S3Client, store: S3Store) -> None:
    s3.put_object(Bucket="images", Key=PHOTO.upload_key, Body=bytes(1001))
    refused = store.fetch(PHOTO)
    assert isinstance(refused, RejectedUpload)
    assert refused.rejection.reason is Reason.TOO_MANY_BYTES


@pytest.mark.parametrize(
    "name",
    [
        f"{PHOTO}.txt",
        f"{PHOTO}.JPG",
        f"{PHOTO}",
        f"demo/{PHOTO.image_id.upper()}.jpg",
        f"demo/{PHOTO.image_id.upper()}",
    ],
)
def test_an_upload_under_another_suffix_or_in_capitals_is_found_and_refused(
    s3: S3Client, store: S3Store, name: str
) -> None:
    s3.put_object(Bucket="images", Key=f"uploads/{name}", Body=b"x")
    refused = store.fetch(PHOTO)
    assert isinstance(refused, RejectedUpload)
    assert refused.rejection.reason is Reason.WRONG_SUFFIX


def test_a_result_is_stored_once_and_the_first_one_stays(store: S3Store) -> None:
    assert store.result(PHOTO) is None
    assert store.save_result(PHOTO, RESULT.to_json()) is True
    assert store.save_result(PHOTO, "another") is False
    assert store.result(PHOTO) == RESULT


def test_a_picture_is_stored_once_beside_its_result_and_reached_by_a_link(s3: S3Client, store: S3Store) -> None:
    """The link has the whole signature, ends in time, and the picture does not hide the result from the sweep."""
    store.save_result(PHOTO, RESULT.to_json())
    link = store.save_picture(PHOTO, Picture(WHY, b"a PNG"), link_s=12.3)
    store.save_picture(PHOTO, Picture(WHY, b"another"), link_s=12.3)
    assert read(s3, "images")[PHOTO.why_key] == b"a PNG"
    assert s3.head_object(Bucket="images", Key=PHOTO.why_key)["ContentType"] == "image/png"
    query = parse_qs(urlsplit(link).query)
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["13"])
    assert parse_qs(urlsplit(store.save_picture(PHOTO, Picture(WHY, b""), link_s=-5)).query)["X-Amz-Expires"] == ["1"]
    assert list(store.results_from(PHOTO)) == [PHOTO]


def test_a_link_names_the_buckets_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name without a region is redirected while a bucket is new, and a signature is of one name only."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        s3 = boto3.client("s3", region_name="ap-northeast-2", config=Config(**LINKS))
        s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
        store = S3Store(s3, images_bucket="images", dataset_bucket="dataset", max_bytes=1000)
        link = store.save_picture(PHOTO, Picture(WHY, b"a PNG"), link_s=30)
    assert link.startswith(f"https://images.s3.ap-northeast-2.amazonaws.com/{PHOTO.why_key}?")


def test_a_conflicting_conditional_write_is_retried(s3: S3Client, store: S3Store) -> None:
    with Stubber(s3) as stubber:
        stubber.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        stubber.add_response("put_object", {"ETag": '"1"'})
        assert store.save_result(PHOTO, RESULT.to_json()) is True
        stubber.assert_no_pending_responses()


def test_an_interrupted_read_is_retried_once(s3: S3Client, store: S3Store) -> None:
    """botocore does not do that by itself, and the sweep would be too late for the customer."""

    def answer(sent: bytes, promised: int) -> dict[str, Any]:
        body = StreamingBody(io.BytesIO(sent), promised)
        return {
            "Body": body,
            "ContentLength": promised,
            "ETag": '"1"',
            "LastModified": datetime(2026, 11, 22, tzinfo=UTC),
        }

    with Stubber(s3) as stubber:
        stubber.add_response("get_object", answer(b"jp", 4))
        stubber.add_response("get_object", answer(b"jpeg", 4))
        upload = store.fetch(PHOTO)
    assert isinstance(upload, Upload)
    assert upload.data == b"jpeg"


def test_a_training_pair_is_the_upload_itself_and_its_labels(s3: S3Client, store: S3Store) -> None:
    etag = s3.put_object(Bucket="images", Key=PHOTO.upload_key, Body=b"jpeg")["ETag"]
    store.save_pair(PHOTO, tree="auto", etag=etag, jpeg=None, labels=LabelFile("1 0.5 0.5 0.2 0.3\n", YOLO_LABELS))
    assert read(s3, "dataset") == {
        f"auto/images/{PHOTO}.jpg": b"jpeg",
        f"auto/labels/{PHOTO}.txt": b"1 0.5 0.5 0.2 0.3\n",
    }


def test_a_picture_that_had_to_be_turned_goes_in_as_the_given_jpeg(s3: S3Client, store: S3Store) -> None:
    s3.put_object(Bucket="images", Key=PHOTO.upload_key, Body=b"lying on its side")
    store.save_pair(PHOTO, tree="review", etag="any", jpeg=b"upright", labels=LabelFile("", YOLO_LABELS))
    assert read(s3, "dataset")[f"review/images/{PHOTO}.jpg"] == b"upright"


def test_labels_are_never_paired_with_a_picture_that_replaced_theirs(s3: S3Client, store: S3Store) -> None:
    """S3 compares the ETag while it copies. Moto does not, so S3's answer is given here."""
    with Stubber(s3) as stubber:
        stubber.add_client_error(
            "copy_object",
            "PreconditionFailed",
            http_status_code=412,
            expected_params={
                "Bucket": "dataset",
                "Key": f"auto/images/{PHOTO}.jpg",
                "CopySource": {"Bucket": "images", "Key": PHOTO.upload_key},
                "CopySourceIfMatch": '"judged"',
                "MetadataDirective": "REPLACE",
                "TaggingDirective": "REPLACE",
                "ContentType": "image/jpeg",
            },
        )
        store.save_pair(
            PHOTO, tree="auto", etag='"judged"', jpeg=None, labels=LabelFile("1 0.5 0.5 0.2 0.3\n", YOLO_LABELS)
        )
        stubber.assert_no_pending_responses()
    assert read(s3, "dataset") == {}


def test_listings_name_each_photo_once_in_order_and_warn_once_of_foreign_keys(
    s3: S3Client, store: S3Store, caplog: pytest.LogCaptureFixture
) -> None:
    other = Reference("a-b", PHOTO.image_id)
    for key in (
        PHOTO.upload_key,
        f"uploads/{PHOTO}.txt",
        other.upload_key,
        "uploads/readme.md",
        "uploads/demo/IMG_1.jpg",
    ):
        s3.put_object(Bucket="images", Key=key, Body=b"x")
    for key in (PHOTO.result_key, "results/index.html"):
        s3.put_object(Bucket="images", Key=key, Body=b"x")
    for _ in range(2):
        assert [one.reference for one in store.uploads()] == [other, PHOTO]
    assert [key for key in ("uploads/readme.md", "uploads/demo/IMG_1.jpg") if caplog.text.count(repr(key)) != 1] == []
    assert list(store.results_from(PHOTO)) == [PHOTO]
    assert list(store.results_from(Reference("demo", "01m81j18kw000g40r40m30e209"))) == []
    assert list(store.results_from(other)) == []


def test_a_deleted_upload_is_gone_under_every_suffix_and_its_neighbours_stay(s3: S3Client, store: S3Store) -> None:
    """A device may have put the photo under a wrong name, too; deleting what is gone is no error."""
    other = Reference("demo", "01m81j18kv000g40r40m30e20a")
    wrong = [PHOTO.upload_key.removesuffix("jpg") + "png", f"uploads/demo/{PHOTO.image_id.upper()}.JPG"]
    kept = [other.upload_key, PHOTO.result_key, f"uploads/demo-2/{PHOTO.image_id}.jpg"]
    for key in (PHOTO.upload_key, *wrong, *kept):
        s3.put_object(Bucket="images", Key=key, Body=b"jpeg")
    store.delete_upload(PHOTO)
    assert sorted(read(s3, "images")) == sorted(kept)
    store.delete_upload(PHOTO)


def test_a_bucket_that_keeps_versions_is_named_as_one_that_deletes_nothing(s3: S3Client, store: S3Store) -> None:
    """S3 answers a deletion there with success, and hides the photo behind a marker."""
    s3.put_bucket_versioning(Bucket="images", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="images", Key=PHOTO.upload_key, Body=b"jpeg")
    with pytest.raises(UploadNotDeleted, match=r"s3://images keeps old versions, so uploads/demo/.*\.jpg is hidden"):
        store.delete_upload(PHOTO)


def test_a_worker_that_may_not_delete_says_which_stack_lets_it(s3: S3Client, store: S3Store) -> None:
    """Its recipe was changed to one that keeps no uploads, and only its instance was deployed."""
    s3.put_object(Bucket="images", Key=PHOTO.upload_key, Body=b"jpeg")
    refusals = Stubber(s3)
    refusals.add_response("list_objects_v2", {"Contents": [{"Key": PHOTO.upload_key}]})
    refusals.add_client_error("delete_object", "AccessDenied", http_status_code=403)
    with refusals, pytest.raises(UploadNotDeleted, match=r"uploads/demo/.*\.jpg stays.*cdk deploy NunchiPipeline"):
        store.delete_upload(PHOTO)
