"""What the worker reads and writes in S3. Results and pairs have keys derived from the photo, and are written once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from contracts.errors import InvalidName, NunchiError
from contracts.messages import Reason, Result
from contracts.names import RESULT_SUFFIX, RESULTS, UPLOADS, Reference, parse_result_key, parse_upload_key
from worker.photos.decoding import PhotoRejected
from worker.recovery.sweep import ListedUpload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


log = logging.getLogger(__name__)


class UploadMissing(NunchiError):
    """There is no upload of that name: never was, expired, or deleted. Nothing is recorded about it."""


class _BrokeOff(NunchiError):
    """The answer to a request broke off while it was read."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The bytes of an upload and what S3 says of them. `uploaded_at` is cut to seconds by S3."""

    data: bytes
    etag: str
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class OversizedUpload:
    """An upload whose bytes are not worth reading."""

    rejection: PhotoRejected
    etag: str
    uploaded_at: datetime


class Store(Protocol):
    """The worker's side of the buckets. Every method blocks, and may be called from several threads at once."""

    def fetch(self, reference: Reference) -> Upload | OversizedUpload:
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

    def uploads(self) -> Iterator[ListedUpload]:
        """Every photo uploaded, in order of its reference, each once."""
        ...

    def results_from(self, first: Reference) -> Iterator[Reference]:
        """The photos of first's kiosk that have a result, in order, from `first` on."""
        ...


class S3Store:
    """The store on S3."""

    def __init__(self, s3: S3Client, *, images_bucket: str, dataset_bucket: str, max_bytes: int) -> None:
        self._s3 = s3
        self._images = images_bucket
        self._dataset = dataset_bucket
        self._max_bytes = max_bytes

    def fetch(self, reference: Reference) -> Upload | OversizedUpload:
        # botocore sends a request again, but does not read its answer again when that breaks off; and the sweep's next
        # try would come too late for the customer.
        try:
            return self._fetch(reference)
        except _BrokeOff as error:
            log.warning("%s broke off while it was read (%s); once more", reference, error.__cause__)
            return self._fetch(reference)

    def _fetch(self, reference: Reference) -> Upload | OversizedUpload:
        try:
            answer = self._s3.get_object(Bucket=self._images, Key=reference.upload_key)
        except self._s3.exceptions.NoSuchKey:
            return self._misnamed(reference)
        with closing(answer["Body"]) as body:  # its own `with` gives the raw stream, which checks no length
            size = answer["ContentLength"]
            if size > self._max_bytes:
                rejection = PhotoRejected(Reason.TOO_MANY_BYTES, f"{size} bytes, more than {self._max_bytes}")
                return OversizedUpload(rejection, answer["ETag"], answer["LastModified"])
            try:
                data = body.read()
            except (HTTPClientError, IncompleteReadError) as error:
                raise _BrokeOff(f"s3://{self._images}/{reference.upload_key} broke off while it was read") from error
        return Upload(data, answer["ETag"], answer["LastModified"])

    def _misnamed(self, reference: Reference) -> OversizedUpload:
        """What was uploaded under that id with another suffix, so that its kiosk can be told."""
        listing = self._s3.list_objects_v2(Bucket=self._images, Prefix=f"{UPLOADS}{reference}", MaxKeys=1)
        for one in listing.get("Contents", []):
            rejection = PhotoRejected(Reason.WRONG_SUFFIX, f"{one['Key']} does not end with .jpg")
            return OversizedUpload(rejection, one["ETag"], one["LastModified"])
        raise UploadMissing(f"s3://{self._images}/{reference.upload_key} is not there; nothing to label")

    def save_result(self, reference: Reference, result: str) -> bool:
        return self._put_once(self._images, reference.result_key, result.encode(), "application/json")

    def result(self, reference: Reference) -> Result | None:
        try:
            answer = self._s3.get_object(Bucket=self._images, Key=reference.result_key)
        except self._s3.exceptions.NoSuchKey:
            return None
        with closing(answer["Body"]) as body:
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
                    # What a kiosk, or a scanner, wrote on the upload is not ours to keep, nor always ours to read.
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",
                    ContentType="image/jpeg",
                )
            except ClientError as error:
                if _code(error) != "PreconditionFailed":
                    raise
                return  # the kiosk wrote its key again since: the labels are not this picture's
        self._put_once(self._dataset, label_key, labels.encode(), "text/plain")

    def uploads(self) -> Iterator[ListedUpload]:
        return self._listed(parse_upload_key, prefix=UPLOADS, after=UPLOADS)

    def results_from(self, first: Reference) -> Iterator[Reference]:
        # Without its suffix a key comes just before itself.
        after = first.result_key.removesuffix(RESULT_SUFFIX)
        listed = self._listed(parse_result_key, prefix=f"{RESULTS}{first.kiosk_id}/", after=after)
        return (one.reference for one in listed)

    def _listed(self, parse: Callable[[str], Reference], *, prefix: str, after: str) -> Iterator[ListedUpload]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._images, Prefix=prefix, StartAfter=after)
        last: Reference | None = None
        for page in pages:
            for one in page.get("Contents", []):
                try:
                    reference = parse(one["Key"])
                except InvalidName:
                    continue  # not of our making; it was logged when its event came
                if reference != last:  # one photo under two suffixes is one photo
                    yield ListedUpload(reference, one["LastModified"])
                last = reference

    def _put_once(self, bucket: str, key: str, body: bytes, content_type: str, *, tries: int = 3) -> bool:
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if _code(error) == "PreconditionFailed":
                return False
            # Two conditional writes at the same instant: S3 asks to try again, and botocore does not.
            if _code(error) == "ConditionalRequestConflict" and tries > 1:
                return self._put_once(bucket, key, body, content_type, tries=tries - 1)
            raise
        return True


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
