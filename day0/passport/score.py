"""How good a passport photo is, from the amounts by which it is spoiled: flaws and their severities → 1 to 5. Pure.

The flaws are those that rules for passport photos name (ICAO's portrait quality, and national rules after it): light,
sharpness, a head that is straight, upright, in the middle, neither small nor cut off. The amounts at which a flaw
begins and at which it is complete are ours. A score says nothing about whether an office accepts the photo.

    score = 1 + 4 × the product over all flaws of (1 - severity)

A severity rises in a straight line from 0, where the flaw begins, to 1, where it is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2, prod
from typing import Final

LOW, HIGH = 1.0, 5.0
NONE: Final = "none"
NAMED_FROM: Final = 0.2  # the severity from which a flaw is named

# Heads in parts of the picture's height, from and to which no flaw is seen. A finder of faces does not see hair: of
# women, whose hair stands higher on more photos, the face must leave more room. Only this rule hangs on gender.
HEIGHTS: Final[Mapping[str, tuple[float, float]]] = {"male": (0.66, 0.82), "female": (0.62, 0.78)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """By how much a photo is spoiled.

    `gain`: of every value, 1 as it was; `uneven`: stops between both sides of the face; `blur`: the radius in parts of
    the distance of the eyes; `eyes_px`: that distance in pixels, the least that the photo ever had; `quality`: of the
    JPEG; `turn`: radians to the side; `roll`: degrees; `height`: of the head, in parts of the picture's; `aside`: of
    the head's middle from the picture's, in parts of its width.
    """

    gain: float = 1.0
    uneven: float = 0.0
    blur: float = 0.0
    eyes_px: float = 60.0
    quality: float = 90.0
    turn: float = 0.0
    roll: float = 0.0
    height: float = 0.72
    aside: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """The severities of the flaws by name, 0-1, and what follows from them."""

    severities: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """From LOW, where a flaw is complete, to HIGH, where none is seen."""
        return LOW + (HIGH - LOW) * prod(1 - severity for severity in self.severities.values())

    @property
    def flaw(self) -> str:
        """The gravest flaw; NONE where none is grave enough to be named."""
        worst = max(self.severities, key=lambda name: self.severities[name])
        return worst if self.severities[worst] >= NAMED_FROM else NONE


def judge(amounts: Amounts, gender: str) -> Judged:
    """The severity of each flaw."""
    least, most = HEIGHTS[gender]
    stops = log2(amounts.gain)
    soft = 1 - (1 - _rise(amounts.blur, 0.02, 0.12)) * (1 - _rise(-amounts.eyes_px, -26, -7))
    return Judged(
        {
            "dark": _rise(-stops, 0.2, 1.8),
            "bright": _rise(stops, 0.2, 1.1),
            "uneven": _rise(amounts.uneven, 0.4, 2.2),
            "unclear": 1 - (1 - soft) * (1 - _rise(-amounts.quality, -45, 0)),
            "turned": _rise(abs(amounts.turn), 0.3, 0.9),
            "tilted": _rise(abs(amounts.roll), 6, 26),
            "far": _rise(-amounts.height, -least, 0.38 - least),
            "close": _rise(amounts.height, most, most + 0.25),
            "aside": _rise(abs(amounts.aside), 0.06, 0.26),
        }
    )


def _rise(amount: float, begins: float, complete: float) -> float:
    return min(1.0, max(0.0, (amount - begins) / (complete - begins)))


FLAWS: Final = tuple(judge(Amounts(), "male").severities)
