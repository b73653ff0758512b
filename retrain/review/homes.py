"""Where a checked photo goes: to what may teach, or to what judges. A moment's photos go together.

What may have taught never judges: a training that has seen a photo, or its neighbour of the same moment, would be
praised for its memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from contracts.errors import NameRefused
from contracts.names import BUILDS, Reference
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import ReviewRefused
from retrain.moments import drawn, moments

MANIFEST: Final = "manifest.json"
_TAUGHT: Final = frozenset({"train", "val"})  # val chose the epoch, and fitted the calibration


class Homes:
    """Where each checked photo belongs, given those that lie there and those that have taught.

    `others` are those that are asked for, and whatever lies between them: together they make the moments.
    """

    def __init__(
        self,
        *,
        reviewed: Iterable[Reference],
        golden: Iterable[Reference],
        taught: Iterable[Reference],
        others: Iterable[Reference] = (),
        golden_share: float,
    ) -> None:
        self._reviewed, self._golden, self._taught = set(reviewed), set(golden), set(taught)
        self._moments = moments({*self._reviewed, *self._golden, *self._taught, *others})
        self._golden_moments = {self._moments[one] for one in self._golden}
        self._teaching_moments = {self._moments[one] for one in self._reviewed | self._taught}
        self._golden_share = golden_share

    def of(self, reference: Reference) -> Tree:
        """Tree.REVIEWED or Tree.GOLDEN. A photo stays where it lies; then its moment decides, and last the draw."""
        if reference in self._golden:
            return Tree.GOLDEN
        if reference in self._reviewed or reference in self._taught:
            return Tree.REVIEWED
        here = self._moments[reference]
        if here in self._teaching_moments:
            return Tree.REVIEWED
        if here in self._golden_moments:
            return Tree.GOLDEN
        return Tree.GOLDEN if drawn("golden", str(here)) < self._golden_share else Tree.REVIEWED


def taught(bucket: DatasetBucket) -> set[Reference]:
    """Every photo that a training may have learnt from, by the manifests of the builds.

    ReviewRefused when one can't be read: what it taught would be unknown.
    """
    found: set[Reference] = set()
    for key in bucket.keys(BUILDS):
        if not key.endswith(f"/{MANIFEST}"):
            continue
        try:
            items = json.loads(bucket.get(key) or b"")["items"]
            found |= {Reference.parse(item["photo"]) for item in items if item["split"] in _TAUGHT}
        except (KeyError, TypeError, ValueError, AttributeError, NameRefused) as error:
            raise ReviewRefused(
                f"s3://{bucket.name}/{key} is no manifest of a build ({error!r}), so nobody knows which photos it "
                "taught; nothing was stored. Put the right one back, or delete that build if no training used it"
            ) from error
    return found
