"""Reading an object of S3 that may be missing. The client is botocore's or boto3's; this file imports neither."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.aws.errors import MISSING, ignoring


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object as it was read."""

    content: bytes
    etag: str
    last_modified: datetime


def get_or_none(s3: Any, *, bucket: str, key: str) -> S3Object | None:
    """The object, read whole; None when there is none. Any other refusal passes through as botocore's ClientError."""
    with ignoring(*MISSING):
        response = s3.get_object(Bucket=bucket, Key=key)
        with closing(response["Body"]) as body:
            return S3Object(body.read(), response["ETag"], response["LastModified"])
    return None
