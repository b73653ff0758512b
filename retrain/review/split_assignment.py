"""Split assignment: whether a checked photo goes into reviewed, to learn from, or into golden, to judge by.

A burst is assigned as a whole, and a photo that a training may have learned from is never golden: both prevent leakage.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from contracts.formulas.draws import stable_draw
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.bursts import burst_of


def assign_trees(
    checked: Iterable[Reference],
    *,
    reviewed: Set[Reference],
    golden: Set[Reference],
    exposed: Set[Reference],
    listed: Iterable[Reference],
    golden_share: float,
) -> dict[Reference, Tree]:
    """Tree.REVIEWED or Tree.GOLDEN for each checked photo: where it is stored; else by its burst; else by a draw.

    `reviewed` and `golden`: the photos stored there; `exposed`: those that a training may have learned from; `listed`:
    all other photos of the bucket, which can connect two photos to one burst.
    """
    checked = set(checked)
    burst = burst_of({*checked, *reviewed, *golden, *exposed, *listed})
    learned = reviewed | exposed
    learned_bursts = {burst[reference] for reference in learned}
    golden_bursts = {burst[reference] for reference in golden}

    def tree_of(reference: Reference) -> Tree:
        first = burst[reference]
        if reference in golden:
            return Tree.GOLDEN
        if reference in learned or first in learned_bursts:
            return Tree.REVIEWED
        if first in golden_bursts or stable_draw("golden", str(first)) < golden_share:
            return Tree.GOLDEN
        return Tree.REVIEWED

    return {reference: tree_of(reference) for reference in checked}
