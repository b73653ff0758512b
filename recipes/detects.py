"""What the detector of a recipe tells apart, and what its training, judge and review must know of that.

Only a recipe that teaches a detector has one; a program gets it once, where it is wired, and passes it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.classes import Classes

Weigh = Callable[[Iterable[tuple[str, Any]]], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detects:
    """`classes`: their names, in the order of their numbers in label files and networks. Each has the following.

    `groups`: those who belong to it, in words. `colours`: of its boxes, as #rrggbb. `rare`: the classes that are kept
    first, since the recipe depends on them; one that is taught as another is an error at once. `weigh`: how much a
    photo teaches that a person checks, by the class and the model's answers of each of its subjects.
    """

    classes: Classes
    groups: Mapping[str, str]
    colours: Mapping[str, str]
    rare: frozenset[str]
    weigh: Weigh
