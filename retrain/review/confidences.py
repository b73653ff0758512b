"""How sure the model was: label files don't say, results do, as long as they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.labels import Label
from contracts.messages import Person, Result
from contracts.names import Reference
from retrain.review.matching import matched
from retrain.review.notes import AT_ONCE

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MISSING: Final = frozenset({"NoSuchKey", "404"})


class Results:
    """The results in the images bucket. What AWS refuses passes through as botocore's ClientError."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def result(self, reference: Reference) -> Result | None:
        """What was decided of the photo; None once it has expired, or if it is of a schema that we don't know."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=reference.result_key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                return None
            raise
        with closing(answer["Body"]) as body:
            content = body.read()
        try:
            return Result.from_json(content)
        except InvalidMessage:
            return None

    def of(self, references: Iterable[Reference]) -> dict[Reference, Result]:
        """The results of those that have one."""
        asked = list(references)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(self.result, asked)
            return {one: result for one, result in zip(asked, found, strict=True) if result is not None}


def confidence_of(label: Label, box: Box, people: Sequence[Person]) -> float | None:
    """How sure the model was of that person of a label file; None when the result tells of no such one."""
    [place] = matched([(label, box)], [(person.label, person.box) for person in people])
    if place is None or people[place].label is not label:
        return None
    return people[place].confidence
