"""Where a checked photo goes: to what may teach, or to what judges. A moment's photos go together.

What may have taught never judges: a training that has seen a photo, or its neighbour of the same moment, would be
praised for its memory.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.draws import stable_draw
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.bursts import burst_of


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
        self._moments = burst_of({*self._reviewed, *self._golden, *self._taught, *others})
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
        return Tree.GOLDEN if stable_draw("golden", str(here)) < self._golden_share else Tree.REVIEWED
