"""The weights bucket as a worker sees it: the pointer, and the files of a run. It reads, and never writes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError
from contracts.names import POINTER
from worker.models.manifests import InvalidModel

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MOST_POINTER: Final = 16 << 10  # bytes
_CHUNK: Final = 1 << 20
_MISSING: Final = frozenset({"NoSuchKey", "404"})
_UNCHANGED: Final = frozenset({"304", "NotModified"})
NO_POINTER: Final = ""  # in the place of an ETag


class WeightsUnavailable(NunchiError):
    """The weights can't be read now; it has nothing to do with them, and a later look may succeed."""


@dataclass(frozen=True, slots=True)
class PointerRead:
    """What was found in the pointer's place; `text` None: nothing."""

    etag: str
    text: bytes | None


class WeightsBucket(Protocol):
    """The weights bucket. Both methods block, and raise WeightsUnavailable when it does not answer."""

    def look(self, known: str | None) -> PointerRead | None:
        """The pointer; None when its ETag is `known` still."""
        ...

    def fetch(self, key: str, path: Path, *, most: int) -> None:
        """Write an object into a new file. InvalidModel when there is none, or one of more than `most` bytes.

        OSError when the file can't be written.
        """
        ...


class S3WeightsBucket:
    """The weights bucket on S3."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def look(self, known: str | None) -> PointerRead | None:
        # A conditional request that finds nothing new is answered without a body.
        condition: dict[str, Any] = {"IfNoneMatch": known} if known else {}
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=POINTER, **condition)
            with closing(answer["Body"]) as body:
                return PointerRead(answer["ETag"], body.read(MOST_POINTER))
        except ClientError as error:
            if _code(error) in _UNCHANGED:
                return None
            if _code(error) in _MISSING:
                return None if known == NO_POINTER else PointerRead(NO_POINTER, None)
            raise WeightsUnavailable(f"s3://{self._bucket}/{POINTER} can't be read: {error}") from error
        except BotoCoreError as error:
            raise WeightsUnavailable(f"s3://{self._bucket}/{POINTER} can't be read: {error}") from error

    def fetch(self, key: str, path: Path, *, most: int) -> None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            with closing(answer["Body"]) as body, path.open("xb") as file:
                if answer["ContentLength"] > most:
                    raise InvalidModel(
                        f"s3://{self._bucket}/{key} has {answer['ContentLength']} bytes, more than {most}; "
                        "it is not read. Add a smaller run"
                    )
                for chunk in body.iter_chunks(_CHUNK):
                    file.write(chunk)
        except ClientError as error:
            if _code(error) in _MISSING:
                raise InvalidModel(
                    f"s3://{self._bucket}/{key} is not there: the run is incomplete, and is not loaded. "
                    "Promote a whole one"
                ) from None
            raise WeightsUnavailable(f"s3://{self._bucket}/{key} can't be read: {error}") from error
        except BotoCoreError as error:
            raise WeightsUnavailable(f"s3://{self._bucket}/{key} can't be read: {error}") from error


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
