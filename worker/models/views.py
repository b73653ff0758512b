"""Views of a region that a training learns from: as it is, and as a camera may show it another time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from recipes.recipe import Region
from worker.models.chips import Chip
from worker.models.detector import Image
from worker.models.regions import FoundSubject, crop

PLAIN: Final = "plain"
View = Callable[[Image, FoundSubject, Region, int], Chip]
MARGIN: Final = 0.12  # of the region's side: as exactly as a finder frames the same head twice
DEGREES: Final = 10.0
GAINS: Final = 0.6, 1.5


def views_of(augment: Iterable[str]) -> list[View]:
    """The view as it is, then those of each augmentation of a recipe."""
    return [crop, *(view for name in augment for view in _VIEWS[name])]


def _mirrored(image: Image, subject: FoundSubject, region: Region, side: int) -> Chip:
    return np.ascontiguousarray(crop(image, subject, region, side)[:, ::-1])


def _lit(gain: float) -> View:
    def view(image: Image, subject: FoundSubject, region: Region, side: int) -> Chip:
        return np.clip(crop(image, subject, region, side) * np.float32(gain), 0, 255).astype(np.uint8)

    return view


def _framed(by: float) -> View:
    def view(image: Image, subject: FoundSubject, region: Region, side: int) -> Chip:
        return crop(image, subject, replace(region, margin=max(0.0, region.margin + by)), side)

    return view


def _turned(degrees: float) -> View:
    def view(image: Image, subject: FoundSubject, region: Region, side: int) -> Chip:
        chip = crop(image, subject, region, side)
        edge = np.concatenate([chip[0], chip[-1], chip[:, 0], chip[:, -1]])
        fill = tuple(int(value) for value in np.median(edge, axis=0))
        return np.asarray(Pillow.fromarray(chip).rotate(degrees, Pillow.Resampling.BILINEAR, fillcolor=fill))

    return view


def _blurred(image: Image, subject: FoundSubject, region: Region, side: int) -> Chip:
    return np.asarray(Pillow.fromarray(crop(image, subject, region, side)).filter(ImageFilter.GaussianBlur(2)))


def _compressed(image: Image, subject: FoundSubject, region: Region, side: int) -> Chip:
    written = io.BytesIO()
    Pillow.fromarray(crop(image, subject, region, side)).save(written, "JPEG", quality=25)
    return np.asarray(Pillow.open(written).convert("RGB"))


_VIEWS: Final[Mapping[str, tuple[View, ...]]] = {  # of `recipes.reading.AUGMENT`
    "mirror": (_mirrored,),
    "light": tuple(map(_lit, GAINS)),
    "crop": (_framed(-MARGIN), _framed(MARGIN)),
    "rotate": (_turned(-DEGREES), _turned(DEGREES)),
    "blur": (_blurred,),
    "jpeg": (_compressed,),
}
