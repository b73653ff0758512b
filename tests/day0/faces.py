"""Faces as the fit of the day-0 model sees them, with chosen log-odds."""

from __future__ import annotations

import numpy as np

from day0.conditions import AS_IT_IS, CONDITIONS
from day0.fit import Faces
from worker.kiosk.calibration import FEATURES


def faces(per_cell: int, *, seed: int = 0) -> Faces:
    """In each condition `per_cell` men and women of each decade; one log-odds tells the age, another the gender."""
    rows = [
        (condition, decade, female, person)
        for condition in CONDITIONS
        for decade in range(2, 8)
        for female in (False, True)
        for person in range(per_cell)
    ]
    condition, decade, female, number = (np.array(column) for column in zip(*rows, strict=True))
    random = np.random.default_rng(seed)
    elder = decade >= 6
    features = {name: random.normal(0, 1, len(rows)) for name in FEATURES}
    features["older_than_60"] = np.where(elder, 1.5, -1.5) + random.normal(0, 1, len(rows))
    features["female_log_odds"] = np.where(female, 3.0, -3.0) + random.normal(0, 1, len(rows))
    everybody = np.ones(len(rows), bool)
    return Faces(
        features=features,
        elder=elder,
        female=female,
        known_age=everybody,
        near_border=(decade == 5) | (decade == 6),
        band=decade,
        source=np.full(len(rows), "portraits"),
        origin=np.full(len(rows), ""),
        age_group=np.where(elder, "elder", "adult"),
        split=np.full(len(rows), "val"),
        person=np.char.add(np.char.add(decade.astype(str), female.astype(str)), number.astype(str)),
        condition=condition,
        found=everybody,
    )


def clean(some: Faces) -> np.ndarray:
    """The rows of photos as they are."""
    return np.asarray(some.condition == AS_IT_IS)
