"""Where a mask lies on the head: worn, below the nose, or at the chin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from day0.mask.head import MOUTH, Head, Plane, Surface

Random = np.random.Generator


class Kind(StrEnum):
    """How a mask is worn."""

    WORN = "worn"  # from the bridge of the nose to below the chin
    NOSE_OUT = "nose_out"  # below the nose; the mouth is covered
    CHIN = "chin"  # below the mouth
    NONE = "none"


class Make(StrEnum):
    """How a mask is made."""

    SURGICAL = "surgical"  # flat and pleated
    PANELS = "panels"  # folded, with a stiff middle panel from ear to ear (KF94)
    BEAK = "beak"  # folded, with one seam from the nose to the chin (duckbill)
    CLOTH = "cloth"


@dataclass(frozen=True, slots=True)
class Outline:
    """Heights on the head: the upper and lower edge in the middle and at the sides, which are at the angle `side`."""

    top: float
    side_top: float
    bottom: float
    side_bottom: float
    side: float  # radians

    def edges(self, angle: Plane) -> tuple[Plane, Plane]:
        """Heights of the upper and lower edge at angles."""
        share = np.abs(angle) / self.side
        top = self.top + (self.side_top - self.top) * share**1.7
        bottom = self.bottom + (self.side_bottom - self.bottom) * share**2.4
        return top.astype(np.float32), bottom.astype(np.float32)

    def inside(self, surface: Surface, head: Head) -> Plane:
        """Pixels from each pixel to the nearest edge, negative outside; corners are rounded."""
        top, bottom = self.edges(surface.angle)
        distances = np.stack(
            [
                (surface.down - top) * head.tall,
                (bottom - surface.down) * head.tall,
                (self.side - np.abs(surface.angle)) * head.wide * 0.5 * np.maximum(surface.facing, 0.15),
                surface.rim * head.wide,
            ]
        )
        softness = max(0.5, 0.02 * head.wide)
        nearest = distances.min(axis=0)
        return np.asarray(nearest - softness * np.log(np.exp(-(distances - nearest) / softness).sum(axis=0)))


def drawn_outline(kind: Kind, make: Make, head: Head, random: Random) -> Outline:
    """An outline of that kind; ValueError for `none`."""
    if kind is Kind.WORN:
        top = head.nose * random.uniform(0.38, 0.78)
        side_top, bottom, side_bottom = random.uniform(0.26, 0.4), random.uniform(0.92, 1.04), random.uniform(0.58, 0.7)
    elif kind is Kind.NOSE_OUT:
        top = head.nose + (MOUTH - head.nose) * random.uniform(0.33, 0.5)
        side_top, bottom, side_bottom = random.uniform(0.38, 0.5), random.uniform(0.95, 1.1), random.uniform(0.62, 0.75)
    elif kind is Kind.CHIN:
        top = random.uniform(0.74, 0.81)
        side_top, bottom, side_bottom = random.uniform(0.5, 0.6), random.uniform(1.02, 1.14), random.uniform(0.72, 0.8)
    else:
        raise ValueError("nobody who wears no mask has an outline of one")
    if make in (Make.PANELS, Make.BEAK):  # folded masks end in a point at the sides
        middle = (side_top + side_bottom) / 2 - 0.02
        side_top, side_bottom = middle - random.uniform(0.04, 0.09), middle + random.uniform(0.04, 0.09)
    return Outline(top, side_top, bottom, side_bottom, random.uniform(1.02, 1.3))
