"""The model's confidence in each person: not in label files, but in results, as long as those are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.aws.s3 import get_or_none
from contracts.boxes import LabelledBox
from contracts.errors import InvalidMessage
from contracts.names import Reference
from recipes.kiosk.message import Person, Result
from retrain.bucket import in_threads
from retrain.review.matching import matched

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class Results:
    """The results in the images bucket. A refusal by AWS passes through as botocore's ClientError."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def result(self, reference: Reference) -> Result | None:
        """The worker's decision on the photo; None when it has expired, or its schema is unknown."""
        stored = get_or_none(self._s3, bucket=self._bucket, key=reference.result_key)
        try:
            return Result.from_json(stored.content) if stored else None
        except InvalidMessage:
            return None

    def of(self, references: Iterable[Reference]) -> dict[Reference, Result]:
        """The results of those photos that have one."""
        requested = list(references)
        with in_threads(self.result, requested) as results:
            pairs = zip(requested, results, strict=True)
            return {reference: result for reference, result in pairs if result is not None}


def with_confidence(person: LabelledBox, people: Sequence[Person]) -> LabelledBox:
    """A person of a label file, with the confidence of the same one in a result's `people`; None without a match."""
    [match] = matched([person], [LabelledBox(result.label, result.box) for result in people])
    if match is None or people[match].label != person.label:
        return replace(person, confidence=None)
    return replace(person, confidence=people[match].confidence)
