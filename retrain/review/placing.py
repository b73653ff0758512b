"""Which photos of a review are stored, and in which tree each: the same for every recipe."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from contracts.names import Reference
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import InvalidReview
from retrain.review.answers import ParsedExport, ReviewAnswer
from retrain.review.notes import CHECKED, noted
from retrain.review.split_assignment import assign_trees

_MAX_NAMED: Final = 3  # missing photos that an error names, to stay readable
_Annotation = TypeVar("_Annotation")


@dataclass(frozen=True, slots=True)
class Placed(Generic[_Annotation]):
    """The answers to store, and the tree of each photo. `missing`: the number of photos that have expired."""

    answers: tuple[ReviewAnswer[_Annotation], ...]
    trees: Mapping[Reference, Tree]
    golden: Set[Reference]  # stored there before
    missing: int


def place(
    export: ParsedExport[_Annotation],
    bucket: DatasetBucket,
    *,
    exposed: Set[Reference],
    golden_share: float,
    missing_ok: bool,
) -> Placed[_Annotation]:
    """Assign each photo to a tree. `exposed`: the photos that a training may have learned from.

    InvalidReview when photos are in no tree any more, unless `missing_ok`.
    """
    stored = {tree: {pair.reference for pair in bucket.pairs(tree)} for tree in Tree}
    listed = set[Reference]().union(*stored.values(), noted(bucket))
    missing = [answer.reference for answer in export.answers if answer.reference not in listed]
    if missing and not missing_ok:
        more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
        raise InvalidReview(
            f"{', '.join(map(str, missing[:_MAX_NAMED]))}{more}: not in s3://{bucket.name}, or no more; nothing was "
            "stored. Is this the export of another cloud? If they have expired, --missing-ok leaves them out"
        )
    answers = tuple(answer for answer in export.answers if answer.reference in listed)
    trees = assign_trees(
        (answer.reference for answer in answers),
        reviewed=stored[Tree.REVIEWED],
        golden=stored[Tree.GOLDEN],
        exposed=exposed,
        listed=listed,
        golden_share=golden_share,
    )
    return Placed(answers, trees, stored[Tree.GOLDEN], len(missing))


def picture_of(answer: ReviewAnswer[Any], tree: Tree, bucket: DatasetBucket) -> bytes:
    """The photo of an answer, which goes to `tree`. InvalidReview if it has expired meanwhile."""
    for now_in in (answer.source, *CHECKED):
        jpeg = bucket.get(answer.reference.pair_keys(now_in)[0])
        if jpeg is not None:
            return jpeg
    raise InvalidReview(
        f"s3://{bucket.name}/{answer.reference.pair_keys(tree)[0]}: the photo of {answer.reference} expired while it "
        "was imported; those before it are stored. Import the file again with --missing-ok"
    )
