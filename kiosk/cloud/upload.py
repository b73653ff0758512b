"""Uploads photos: the kiosk names each, and stores it under its own prefix in S3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from contracts.instants import now
from contracts.names import Reference, check_kiosk_id, new_image_id

CONTENT_TYPE: Final = "image/jpeg"


class PutsObjects(Protocol):
    """The S3 call of a kiosk."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, **options: Any) -> Any:
        """Store `Body`; raises what boto3 raises."""
        ...


class Uploader:
    """Uploads the photos of one kiosk. Naming comes before the upload, so that its label can't be missed."""

    def __init__(self, s3: PutsObjects, *, bucket: str, kiosk_id: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._kiosk_id = check_kiosk_id(kiosk_id)

    def name(self, captured_at: datetime | None = None) -> Reference:
        """A new reference for a photo taken at `captured_at` (None: now)."""
        return Reference(self._kiosk_id, new_image_id(captured_at or now()))

    def upload(self, reference: Reference, photo: bytes, inputs: Mapping[str, str] | None = None) -> None:
        """Store the bytes under the photo's key, with `inputs` as its metadata. The worker validates both."""
        metadata: dict[str, Any] = {"Metadata": dict(inputs)} if inputs else {}
        self._s3.put_object(
            Bucket=self._bucket, Key=reference.upload_key, Body=photo, ContentType=CONTENT_TYPE, **metadata
        )
