"""Every photo through the finder and the networks, once; kept in a cache file, because it takes minutes."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from day0 import recipe
from day0.photos import VARIANTS, Photo, variants
from worker.models.age_gender import Evidence
from worker.models.calibration import Calibration, Logistic
from worker.models.detector import Image
from worker.models.faces import Rect


@dataclass(frozen=True, slots=True)
class Looks:
    """The evidence of n faces that were found: which photo, which variant, what the networks said."""

    photo: NDArray[np.int64]  # (n,) index into the photos
    variant: NDArray[np.int64]  # (n,) index into VARIANTS
    evidence: Evidence


def look_at(photos: list[Photo], cache: Path) -> Looks:
    """The evidence of all photos in all variants, from the cache file if it was made for the same photos and recipe."""
    key = hashlib.sha256(repr((photos, VARIANTS, recipe.PASSES, recipe.AGE_VIEWS, recipe.GENDER_VIEWS)).encode())
    if cache.is_file():
        with np.load(cache) as kept:
            if str(kept["key"]) == key.hexdigest():
                return Looks(kept["photo"], kept["variant"], Evidence(kept["age"], kept["gender"]))
    model = recipe.cascade(Calibration(*[Logistic(0.0, {})] * 3))  # not calibrated yet: only to look

    def look(index: int) -> list[tuple[int, int, Evidence]]:
        found = []
        for variant, image in enumerate(variants(photos[index], seed=index)):
            if (face := sitter(model.faces(image), image)) is not None:
                found.append((index, variant, model.evidence([model.views(image, face)])))
        return found

    with ThreadPoolExecutor(2) as threads:
        rows = [row for rows in threads.map(look, range(len(photos))) for row in rows]
    looks = Looks(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        Evidence(
            np.concatenate([row[2].age_logits for row in rows]), np.concatenate([row[2].gender_logits for row in rows])
        ),
    )
    np.savez(
        cache,
        key=key.hexdigest(),
        photo=looks.photo,
        variant=looks.variant,
        age=looks.evidence.age_logits,
        gender=looks.evidence.gender_logits,
    )
    return looks


def sitter(faces: list[Rect], image: Image) -> Rect | None:
    """The one whose portrait this is: a large face near the middle. None if no face was found."""
    height, width = image.shape[:2]

    def worth(face: Rect) -> float:
        off = abs((face.left + face.right) / 2 - width / 2) + abs((face.top + face.bottom) / 2 - height / 2)
        return float(face.right - face.left - off)

    return max(faces, key=worth, default=None)
