"""One drawn animal: what all of its pictures share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from demo.drawn_eyes.canvas import Colour, Random


class Species(StrEnum):
    """The values of the input `species`."""

    DOG = "dog"
    CAT = "cat"


class Sign(StrEnum):
    """The values of the question `sign`."""

    CLOUDY = "cloudy"  # whitish or bluish, in the pupil or over it
    RED = "red"  # the white of the eye and the lids' rims
    DISCHARGE = "discharge"  # mucus, and wet or stained fur
    LID_MASS = "lid_mass"  # a lump at a lid's rim
    NONE = "none"


SIGNS: Final = {  # that are drawn, and asked about
    Species.DOG: (Sign.CLOUDY, Sign.RED, Sign.DISCHARGE, Sign.LID_MASS, Sign.NONE),
    Species.CAT: (Sign.CLOUDY, Sign.RED, Sign.DISCHARGE, Sign.NONE),
}
_COATS: Final[dict[Species, tuple[tuple[Colour, Colour], ...]]] = {  # light and dark hairs
    Species.DOG: (
        *(((0.93, 0.90, 0.84), (0.70, 0.64, 0.55)), ((0.82, 0.62, 0.38), (0.50, 0.31, 0.14))),
        *(((0.34, 0.29, 0.26), (0.06, 0.05, 0.05)), ((0.52, 0.34, 0.22), (0.22, 0.13, 0.08))),
        *(((0.70, 0.68, 0.66), (0.30, 0.29, 0.30)), ((0.88, 0.78, 0.62), (0.62, 0.47, 0.30))),
    ),
    Species.CAT: (
        *(((0.92, 0.91, 0.89), (0.72, 0.70, 0.68)), ((0.62, 0.53, 0.42), (0.17, 0.13, 0.10))),
        *(((0.92, 0.66, 0.38), (0.68, 0.38, 0.16)), ((0.27, 0.25, 0.25), (0.05, 0.05, 0.06))),
        *(((0.60, 0.62, 0.66), (0.32, 0.34, 0.38)), ((0.86, 0.80, 0.70), (0.48, 0.38, 0.30))),
    ),
}
_IRISES: Final[dict[Species, tuple[Colour, ...]]] = {
    Species.DOG: ((0.36, 0.20, 0.09), (0.25, 0.13, 0.06), (0.52, 0.32, 0.12), (0.60, 0.42, 0.16), (0.42, 0.55, 0.68)),
    Species.CAT: ((0.72, 0.70, 0.22), (0.48, 0.62, 0.26), (0.82, 0.58, 0.14), (0.66, 0.38, 0.10), (0.38, 0.60, 0.76)),
}
_RIMS: Final[tuple[Colour, ...]] = ((0.07, 0.055, 0.05), (0.12, 0.085, 0.07), (0.20, 0.13, 0.11), (0.52, 0.34, 0.31))


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal:
    """An animal's eye. Lengths are in halves of the eye's width; `inner`: the side of the inner corner, -1 or 1."""

    species: Species
    light: Colour
    dark: Colour
    hair: int  # pixels
    iris: Colour
    rim: Colour
    rim_wide: float
    iris_wide: float
    top: float
    bottom: float
    slant: float
    inner: int
    third_lid: float


def drawn_animal(species: Species, random: Random) -> Animal:
    """An animal of the species."""
    dog = species is Species.DOG
    light, dark = _COATS[species][int(random.integers(len(_COATS[species])))]
    shade = random.uniform(0.85, 1.1)
    return Animal(
        species=species,
        light=_near(light, shade, random),
        dark=_near(dark, shade, random),
        hair=int(random.integers(9, 30)) if dog else int(random.integers(7, 17)),
        iris=_near(_IRISES[species][int(random.integers(len(_IRISES[species])))], random.uniform(0.85, 1.15), random),
        rim=_near(_RIMS[int(random.integers(len(_RIMS)))], 1.0, random),
        rim_wide=random.uniform(0.06, 0.11) if dog else random.uniform(0.05, 0.085),
        iris_wide=random.uniform(0.50, 0.60) if dog else random.uniform(0.62, 0.72),
        top=random.uniform(0.50, 0.64) if dog else random.uniform(0.56, 0.72),
        bottom=random.uniform(0.40, 0.54) if dog else random.uniform(0.48, 0.60),
        slant=random.uniform(-0.02, 0.14) if dog else random.uniform(0.08, 0.26),
        inner=int(random.choice((-1, 1))),
        third_lid=random.uniform(0.0, 0.12),
    )


def _near(colour: Colour, shade: float, random: Random) -> Colour:
    red, green, blue = np.clip(np.array(colour) * shade + random.normal(0, 0.015, 3), 0.02, 0.97)
    return float(red), float(green), float(blue)
