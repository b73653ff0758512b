"""Extracts the networks' outputs for every photo, once; kept in a cache file, because it takes minutes."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration
from day0 import recipe
from day0.photos import VARIANTS, Photo, variants
from worker.models.age_gender import Evidence
from worker.models.calibration import Calibration, Logistic
from worker.models.detector import Image
from worker.models.faces import Rect


@dataclass(frozen=True, slots=True)
class ExtractedEvidence:
    """The evidence of n detected faces: the photo, the variant, the networks' outputs."""

    photo: NDArray[np.int64]  # (n,) index into the photos
    variant: NDArray[np.int64]  # (n,) index into VARIANTS
    evidence: Evidence


def extract(photos: list[Photo], cache: Path) -> ExtractedEvidence:
    """The evidence of all photos in all variants, from the cache file if it holds the same photos and recipe."""
    key = hashlib.sha256(repr((photos, VARIANTS, recipe.PASSES, recipe.AGE_VIEWS, recipe.GENDER_VIEWS)).encode())
    if cache.is_file():
        with np.load(cache) as kept:
            if str(kept["key"]) == key.hexdigest():
                return ExtractedEvidence(kept["photo"], kept["variant"], Evidence(kept["age"], kept["gender"]))
    uncalibrated = Calibration(Logistic(0.0, {}), Logistic(0.0, {}), BetaCalibration(0, 0, 0))
    model = recipe.cascade(uncalibrated)

    def extract_photo(index: int) -> list[tuple[int, int, Evidence]]:
        rows = []
        for variant, image in enumerate(variants(photos[index], seed=index)):
            if (face := sitter(model.finder.find(image), image)) is not None:
                rows.append((index, variant, model.networks.run([model.views(image, face)])))
        return rows

    with ThreadPoolExecutor(2) as threads:
        rows = [row for of_photo in threads.map(extract_photo, range(len(photos))) for row in of_photo]
    photo, variant = (np.array([row[column] for row in rows]) for column in (0, 1))
    age = np.concatenate([evidence.age_logits for _, _, evidence in rows])
    gender = np.concatenate([evidence.gender_logits for _, _, evidence in rows])
    np.savez(cache, key=key.hexdigest(), photo=photo, variant=variant, age=age, gender=gender)
    return ExtractedEvidence(photo, variant, Evidence(age, gender))


def sitter(faces: list[Rect], image: Image) -> Rect | None:
    """The portrayed person's face: large and near the middle. None if no face was found."""
    height, width = image.shape[:2]

    def score(face: Rect) -> float:
        distance = abs((face.left + face.right) / 2 - width / 2) + abs((face.top + face.bottom) / 2 - height / 2)
        return float(face.right - face.left - distance)

    return max(faces, key=score, default=None)
