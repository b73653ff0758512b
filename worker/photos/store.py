"""The worker's objects in S3: uploads, results, training pairs. Keys derive from the photo; each is written once."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from contracts.aws.errors import error_code, is_missing
from contracts.aws.s3 import get_or_none
from contracts.errors import InvalidName, NunchiError
from contracts.messages import Reason
from contracts.names import RESULT_SUFFIX, RESULTS, UPLOADS, Reference, parse_result_key, swept_upload
from imaging.decoding import PhotoRejected
from worker.messages import AnyResult, result_from_json
from worker.photos.task import SVG, LabelFile, Picture
from worker.recovery.sweep import ListedUpload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

log = logging.getLogger(__name__)

MAX_FOREIGN: Final = 1_000  # keys that are not uploads, each logged once
# Of the client, for the sake of its links: S3 takes the older signature neither in newer regions nor for objects under
# KMS, and the name without a region leads to a redirection, which breaks a signature.
LINKS: Final[Any] = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}


class UploadMissing(NunchiError):
    """The upload does not exist: never written, expired, or deleted. No result is stored for it."""


class UploadNotDeleted(NunchiError):
    """A deleted upload is still there, as an old version of its object."""


class _ReadInterrupted(NunchiError):
    """The connection broke while an object was read."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload's bytes and their metadata in S3. `uploaded_at` is cut to seconds by S3.

    `inputs`: the user metadata, `x-amz-meta-<name>`, that the device sent with the photo.
    """

    data: bytes
    etag: str
    uploaded_at: datetime
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RejectedUpload:
    """An upload that is rejected without reading its bytes."""

    rejection: PhotoRejected
    etag: str
    uploaded_at: datetime


class Store(Protocol):
    """The worker's port to the buckets. Every method blocks, and may be called from several threads at once."""

    def fetch(self, reference: Reference) -> Upload | RejectedUpload:
        """The upload, or why its bytes aren't read; raises UploadMissing."""
        ...

    def save_result(self, reference: Reference, result: str) -> bool:
        """Idempotent: store the result unless the photo has one; returns whether it was stored."""
        ...

    def result(self, reference: Reference) -> AnyResult | None:
        """The stored result, or None."""
        ...

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: LabelFile) -> None:
        """Write image and label file under `tree` in the dataset. `jpeg` None: the upload itself, copied by S3."""
        ...

    def save_picture(self, reference: Reference, picture: Picture, *, link_s: float) -> str:
        """Store a picture, unless the photo has one of its type; returns a link to it, valid for `link_s` seconds.

        Whoever has the link has the picture.
        """
        ...

    def delete_upload(self, reference: Reference) -> None:
        """Delete the photo, under every suffix; nothing happens if it is gone.

        Raises UploadNotDeleted if the bucket keeps old versions, or the worker may not delete.
        """
        ...

    def uploads(self) -> Iterator[ListedUpload]:
        """Every uploaded photo once, in the order of references."""
        ...

    def results_from(self, first: Reference) -> Iterator[Reference]:
        """The photos of first's kiosk that have a result, from `first` on, in the order of references."""
        ...


class S3Store:
    """The store on S3. `s3`: a client with the settings LINKS."""

    def __init__(self, s3: S3Client, *, images_bucket: str, dataset_bucket: str, max_bytes: int) -> None:
        self._s3 = s3
        self._images = images_bucket
        self._dataset = dataset_bucket
        self._max_bytes = max_bytes
        self._foreign: set[str] = set()  # keys that were logged

    def fetch(self, reference: Reference) -> Upload | RejectedUpload:
        # botocore retries a request, but not the reading of its response; and the sweep's next try would come too late
        # for the customer.
        try:
            return self._fetch(reference)
        except _ReadInterrupted as error:
            log.warning("%s; trying once more", error)
            return self._fetch(reference)

    def _fetch(self, reference: Reference) -> Upload | RejectedUpload:
        try:
            response = self._s3.get_object(Bucket=self._images, Key=reference.upload_key)
        except ClientError as error:
            if not is_missing(error):
                raise
            return self._with_wrong_suffix(reference)
        with closing(response["Body"]) as body:  # its own `with` gives the raw stream, which checks no length
            size = response["ContentLength"]
            if size > self._max_bytes:
                rejection = PhotoRejected(Reason.TOO_MANY_BYTES, f"{size} bytes, more than {self._max_bytes}")
                return RejectedUpload(rejection, response["ETag"], response["LastModified"])
            try:
                data = body.read()
            except (HTTPClientError, IncompleteReadError) as error:
                raise _ReadInterrupted(
                    f"s3://{self._images}/{reference.upload_key}: the connection broke while it was read ({error})"
                ) from error
        return Upload(data, response["ETag"], response["LastModified"], response.get("Metadata", {}))

    def _with_wrong_suffix(self, reference: Reference) -> RejectedUpload:
        """The upload of that id with another suffix or in capitals, so that its kiosk gets a reason.

        Raises UploadMissing.
        """
        for prefix in _prefixes_of(reference):
            listing = self._s3.list_objects_v2(Bucket=self._images, Prefix=prefix, MaxKeys=1)
            for listed in listing.get("Contents", []):
                text = f"{listed['Key']} is not {reference.upload_key}: lower-case letters, and .jpg at the end"
                rejection = PhotoRejected(Reason.WRONG_SUFFIX, text)
                return RejectedUpload(rejection, listed["ETag"], listed["LastModified"])
        raise UploadMissing(f"s3://{self._images}/{reference.upload_key} does not exist; the photo is not labelled")

    def save_result(self, reference: Reference, result: str) -> bool:
        return self._put_once(self._images, reference.result_key, result.encode(), "application/json")

    def result(self, reference: Reference) -> AnyResult | None:
        stored = get_or_none(self._s3, bucket=self._images, key=reference.result_key)
        return None if stored is None else result_from_json(stored.content)

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: LabelFile) -> None:
        image_key, label_key = reference.pair_keys(tree, labels.suffix)
        # The image first: a pair exists from its label file on, so a crash in between leaves no incomplete pair.
        if jpeg is not None:
            self._put_once(self._dataset, image_key, jpeg, "image/jpeg")
        else:
            try:
                self._s3.copy_object(
                    Bucket=self._dataset,
                    Key=image_key,
                    CopySource={"Bucket": self._images, "Key": reference.upload_key},
                    CopySourceIfMatch=etag,
                    # Metadata and tags of a kiosk or a scanner do not belong in the dataset, and may not be readable.
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",
                    ContentType="image/jpeg",
                )
            except ClientError as error:
                if error_code(error) != "PreconditionFailed":
                    raise
                return  # overwritten since: the labels belong to another picture
        self._put_once(self._dataset, label_key, labels.text.encode(), "text/plain")

    def save_picture(self, reference: Reference, picture: Picture, *, link_s: float) -> str:
        key = reference.drawn_key if picture.type == SVG else reference.why_key
        self._put_once(self._images, key, picture.content, picture.type)
        # Under an instance's role a link ends with the role's credentials, which are renewed before their last minutes.
        return self._s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._images, "Key": key},
            ExpiresIn=max(1, math.ceil(link_s)),
        )

    def delete_upload(self, reference: Reference) -> None:
        hidden = []
        for prefix in _prefixes_of(reference):
            for listed in self._s3.list_objects_v2(Bucket=self._images, Prefix=prefix).get("Contents", []):
                deleted = self._deleted(listed["Key"])
                # Of a bucket with versioning S3 deletes nothing: it hides the object behind a marker.
                if deleted.get("DeleteMarker"):
                    hidden.append(listed["Key"])
        if hidden:
            raise UploadNotDeleted(
                f"s3://{self._images} keeps old versions, so {', '.join(hidden)} is hidden, not deleted. Delete "
                "its versions by hand, and give Nunchi a bucket that never had versioning: a suspended one hides, too"
            )

    def _deleted(self, key: str) -> Mapping[str, Any]:
        try:
            return self._s3.delete_object(Bucket=self._images, Key=key)
        except ClientError as error:
            if error_code(error) != "AccessDenied":
                raise
            raise UploadNotDeleted(
                f"s3://{self._images}/{key} stays: this worker's role may not delete uploads. It was deployed for a "
                "recipe that keeps them; deploy the pipeline's stack with this one: cdk deploy NunchiPipeline"
            ) from error

    def uploads(self) -> Iterator[ListedUpload]:
        return self._listed(swept_upload, prefix=UPLOADS, after=UPLOADS)

    def results_from(self, first: Reference) -> Iterator[Reference]:
        # Without its suffix a key comes just before itself.
        after = first.result_key.removesuffix(RESULT_SUFFIX)
        listed = self._listed(parse_result_key, prefix=f"{RESULTS}{first.kiosk_id}/", after=after)
        return (upload.reference for upload in listed)

    def _listed(self, parse: Callable[[str], Reference], *, prefix: str, after: str) -> Iterator[ListedUpload]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._images, Prefix=prefix, StartAfter=after)
        last: Reference | None = None
        for page in pages:
            for listed in page.get("Contents", []):
                try:
                    reference = parse(listed["Key"])
                except InvalidName as error:
                    self._warn_once(listed["Key"], error)
                    continue
                if reference != last:  # one photo under two suffixes is one photo
                    yield ListedUpload(reference, listed["LastModified"])
                last = reference

    def _warn_once(self, key: str, error: InvalidName) -> None:
        """Each key once, not at every sweep; and no more than fit in memory."""
        if key not in self._foreign and len(self._foreign) < MAX_FOREIGN:
            self._foreign.add(key)
            log.warning("%s; it gets no label", error)

    def _put_once(self, bucket: str, key: str, body: bytes, content_type: str, *, tries: int = 3) -> bool:
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) == "PreconditionFailed":
                return False
            # Two conditional writes at the same instant: S3 asks for a retry, and botocore does none.
            if error_code(error) == "ConditionalRequestConflict" and tries > 1:
                return self._put_once(bucket, key, body, content_type, tries=tries - 1)
            raise
        return True


def _prefixes_of(reference: Reference) -> Iterator[str]:
    """Of the keys under which a device may have put the photo: with any suffix, or in capitals."""
    return (f"{UPLOADS}{reference.kiosk_id}/{each}" for each in (reference.image_id, reference.image_id.upper()))
