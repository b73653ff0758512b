"""Read-only access to the weights bucket: the pointer, and the files of a run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from contracts.aws.errors import MISSING, ignoring
from contracts.errors import NunchiError
from contracts.names import POINTER
from worker.models.manifests import InvalidModel

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MAX_POINTER_BYTES: Final = 16 << 10  # bytes
_CHUNK: Final = 1 << 20
_UNCHANGED: Final = frozenset({"304", "NotModified"})
NO_POINTER: Final = ""  # in the place of an ETag


class WeightsUnavailable(NunchiError):
    """The weights bucket can't be read now; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class PointerRead:
    """The pointer as it was read; `text` is None where it does not exist."""

    etag: str
    text: bytes | None


class WeightsBucket(Protocol):
    """The port to the weights bucket. Both methods block, and raise WeightsUnavailable when it does not answer."""

    def read_pointer(self, known_etag: str | None) -> PointerRead | None:
        """The pointer; None when its ETag is still `known_etag`."""
        ...

    def fetch(self, key: str, path: Path, *, max_bytes: int) -> None:
        """Write an object into a new file. InvalidModel when it is missing, or larger than `max_bytes`.

        OSError when the file can't be written.
        """
        ...


class S3WeightsBucket:
    """The weights bucket on S3."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read_pointer(self, known_etag: str | None) -> PointerRead | None:
        # A conditional request gets a response without a body when nothing has changed.
        condition: dict[str, Any] = {"IfNoneMatch": known_etag} if known_etag else {}
        with self._reading(POINTER), ignoring(*_UNCHANGED):
            with ignoring(*MISSING):
                response = self._s3.get_object(Bucket=self._bucket, Key=POINTER, **condition)
                with closing(response["Body"]) as body:
                    return PointerRead(response["ETag"], body.read(MAX_POINTER_BYTES))
            return None if known_etag == NO_POINTER else PointerRead(NO_POINTER, None)
        return None

    def fetch(self, key: str, path: Path, *, max_bytes: int) -> None:
        with self._reading(key):
            stored = None
            with ignoring(*MISSING):
                stored = self._s3.get_object(Bucket=self._bucket, Key=key)
            if stored is None:
                raise InvalidModel(
                    f"s3://{self._bucket}/{key} is missing: the run is incomplete and is not loaded. "
                    "Promote a complete run"
                )
            with closing(stored["Body"]) as body, path.open("xb") as file:
                if stored["ContentLength"] > max_bytes:
                    raise InvalidModel(
                        f"s3://{self._bucket}/{key} has {stored['ContentLength']} bytes, more than {max_bytes}; "
                        "it is not fetched. Add a smaller run"
                    )
                for chunk in body.iter_chunks(_CHUNK):
                    file.write(chunk)

    @contextmanager
    def _reading(self, key: str) -> Generator[None, None, None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise WeightsUnavailable(f"s3://{self._bucket}/{key} can't be read: {error}") from error
