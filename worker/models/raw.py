"""What a YOLO says before anything is made of it: the boxes that mean average precision is defined on.

Served, a person is one box with one label, and what is unlikely is nobody. mAP asks about the whole ranking instead:
every class of every box down to almost nothing. The numbers are those of `yolo val` (ultralytics 8.4), so that whoever
runs it on the same weights and photos gets the mAP that we publish.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.models.boxes import Candidates, overlaps

LEAST_SCORE: Final = 0.001
MOST_IOU: Final = 0.7  # boxes of one class that overlap more than this are one
MOST_BOXES: Final = 300  # of a photo, the best of all classes
MOST_READ: Final = 30_000  # boxes that are compared at all, the best


def suppressed(candidates: Candidates) -> Candidates:
    """The best boxes of all classes after suppression within each class, the best first.

    One row of overlaps at a time: a network that has learnt little scores thousands of boxes above the least, and
    their square would not fit in memory.
    """
    candidates = candidates.ordered()[np.arange(min(len(candidates), MOST_READ))]
    kept = [
        of_class[_kept(candidates, of_class)]
        for of_class in (np.flatnonzero(candidates.classes == label) for label in np.unique(candidates.classes))
    ]
    # Places in the order of all classes: the lowest are the best.
    best = np.sort(np.concatenate([*kept, np.empty(0, dtype=np.intp)]))[:MOST_BOXES]
    return candidates[best.astype(np.intp)]


def _kept(candidates: Candidates, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which of the places stay, as indices into them; no more than can be among the best of all classes."""
    boxes = candidates.boxes[places]
    left = np.arange(len(places))
    kept: list[int] = []
    while len(left) and len(kept) < MOST_BOXES:
        first, left = left[0], left[1:]
        kept.append(int(first))
        left = left[overlaps(boxes[first][None], boxes[left])[0] <= MOST_IOU]
    return np.array(kept, dtype=np.intp)
