"""What the worker reads and writes in S3. Results and pairs have keys derived from the photo, and are written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from contracts.errors import NameRefused, NunchiError
from contracts.messages import Reason, Result
from contracts.names import RESULTS, UPLOADS, Reference, parse_result_key, parse_upload_key
from worker.photo import PhotoRejected

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class UploadMissing(NunchiError):
    """There is no upload of that name: never was, expired, or deleted. Nothing is recorded about it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The bytes of an upload and what S3 says of them. `uploaded_at` is cut to seconds by S3."""

    data: bytes
    etag: str
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """An upload whose bytes are not worth reading."""

    rejection: PhotoRejected
    etag: str
    uploaded_at: datetime


class Store(Protocol):
    """The worker's side of the buckets. Every method blocks, and may be called from several threads at once."""

    def fetch(self, reference: Reference) -> Upload | Refused:
        """The photo, or why its bytes aren't read; raises UploadMissing."""
        ...

    def save_result(self, reference: Reference, result: str) -> bool:
        """Store the result unless there is one; True if it was stored, False if one was there already."""
        ...

    def result(self, reference: Reference) -> Result | None:
        """The stored result, or None."""
        ...

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: str) -> None:
        """Write image and YOLO labels under `tree` in the dataset. `jpeg` None: the upload itself, copied by S3."""
        ...

    def uploads(self) -> Iterator[Reference]:
        """Every photo uploaded, in order of its reference, each once."""
        ...

    def results(self) -> Iterator[Reference]:
        """Every photo with a result, in order of its reference."""
        ...


class S3Store:
    """The store on S3."""

    def __init__(self, s3: S3Client, *, images_bucket: str, dataset_bucket: str, max_bytes: int) -> None:
        self._s3 = s3
        self._images = images_bucket
        self._dataset = dataset_bucket
        self._max_bytes = max_bytes

    def fetch(self, reference: Reference) -> Upload | Refused:
        try:
            answer = self._s3.get_object(Bucket=self._images, Key=reference.upload_key)
        except self._s3.exceptions.NoSuchKey:
            return self._misnamed(reference)
        with answer["Body"] as body:
            size = answer["ContentLength"]
            if size > self._max_bytes:
                rejection = PhotoRejected(Reason.TOO_MANY_BYTES, f"{size} bytes, more than {self._max_bytes}")
                return Refused(rejection, answer["ETag"], answer["LastModified"])
            return Upload(body.read(), answer["ETag"], answer["LastModified"])

    def _misnamed(self, reference: Reference) -> Refused:
        """What was uploaded under that id with another suffix, so that its kiosk can be told."""
        listing = self._s3.list_objects_v2(Bucket=self._images, Prefix=f"{UPLOADS}{reference}", MaxKeys=1)
        for one in listing.get("Contents", []):
            rejection = PhotoRejected(Reason.WRONG_SUFFIX, f"{one['Key']} does not end with .jpg")
            return Refused(rejection, one["ETag"], one["LastModified"])
        raise UploadMissing(f"s3://{self._images}/{reference.upload_key} is not there; nothing to label")

    def save_result(self, reference: Reference, result: str) -> bool:
        return self._put_once(self._images, reference.result_key, result.encode(), "application/json")

    def result(self, reference: Reference) -> Result | None:
        try:
            answer = self._s3.get_object(Bucket=self._images, Key=reference.result_key)
        except self._s3.exceptions.NoSuchKey:
            return None
        with answer["Body"] as body:
            return Result.from_json(body.read())

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: str) -> None:
        image_key, label_key = reference.pair_keys(tree)
        # The image comes first: a pair counts from its label file on, so a crash in between leaves no half pair.
        if jpeg is not None:
            self._put_once(self._dataset, image_key, jpeg, "image/jpeg")
        else:
            try:
                self._s3.copy_object(
                    Bucket=self._dataset,
                    Key=image_key,
                    CopySource={"Bucket": self._images, "Key": reference.upload_key},
                    CopySourceIfMatch=etag,
                )
            except ClientError as error:
                if _code(error) != "PreconditionFailed":
                    raise
                return  # the kiosk wrote its key again since: the labels are not this picture's
        self._put_once(self._dataset, label_key, labels.encode(), "text/plain")

    def uploads(self) -> Iterator[Reference]:
        return self._references(UPLOADS, parse_upload_key)

    def results(self) -> Iterator[Reference]:
        return self._references(RESULTS, parse_result_key)

    def _references(self, prefix: str, parse: Callable[[str], Reference]) -> Iterator[Reference]:
        last: Reference | None = None
        for key in self._keys(prefix):
            try:
                reference = parse(key)
            except NameRefused:
                continue  # not of our making; the dispatch Lambda has logged it when it came
            if reference != last:  # one photo under two suffixes is one photo
                yield reference
            last = reference

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._images, Prefix=prefix)
        for page in pages:
            for one in page.get("Contents", []):
                yield one["Key"]

    def _put_once(self, bucket: str, key: str, body: bytes, content_type: str) -> bool:
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if _code(error) != "PreconditionFailed":
                raise
            return False
        return True


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
