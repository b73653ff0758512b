"""Calibration: fits the three formulas of `worker/models/calibration.py` on the train split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from contracts.formulas.calibration import BetaCalibration, log_features
from day0.evidence import ExtractedEvidence
from day0.photos import Photo
from day0.recipe import Choice
from worker.models.calibration import FEATURES, Calibration, Column, likeliest_label_score

ELDER_SHARE = 0.3  # of the people before the camera: about that of the known ages here
FOLDS = 5

Mask = NDArray[np.bool_]  # (n,)


@dataclass(frozen=True, slots=True)
class Faces:
    """Features and ground truth of n faces, one row for each face in each variant."""

    features: dict[str, Column]
    elder: Mask
    female: Mask
    known_age: Mask
    source: NDArray[np.str_]
    age_group: NDArray[np.str_]
    split: NDArray[np.str_]
    person: NDArray[np.str_]
    variant: NDArray[np.int64]

    @classmethod
    def of(cls, photos: Sequence[Photo], extracted: ExtractedEvidence) -> Faces:
        rows = [photos[index] for index in extracted.photo]
        return cls(
            features={name: feature(extracted.evidence) for name, feature in FEATURES.items()},
            elder=np.array([row.elder is True for row in rows]),
            female=np.array([row.female for row in rows]),
            known_age=np.array([row.elder is not None for row in rows]),
            source=np.array([row.source for row in rows]),
            age_group=np.array([row.age_group for row in rows]),
            split=np.array([row.split for row in rows]),
            person=np.array([row.person for row in rows]),
            variant=extracted.variant,
        )


def weights(faces: Faces) -> Column:
    """A weight for each face that balances every source: ELDER_SHARE elders, as many women as men.

    Unweighted, the elders are mostly men and mostly in Congress: the fit would use both as evidence of age. Faces of
    unknown age (used for gender only) are balanced by gender. The two Congress sources count as one.
    """
    source = np.where(np.char.startswith(faces.source, "us_congress"), "us_congress", faces.source)
    weight = np.zeros(len(faces.elder))
    for place in np.unique(source):
        for known in (True, False):
            part = (source == place) & (faces.known_age == known)
            for elder in (True, False) if known else (False,):
                for female in (True, False):
                    cell = part & (faces.elder == elder) & (faces.female == female)
                    share = (ELDER_SHARE if elder else 1 - ELDER_SHARE) if known else 1.0
                    weight[cell] = share / 2 * part.sum() / max(1, cell.sum())
    return weight


@dataclass(frozen=True, slots=True)
class Predictions:
    """P(elder) and P(female) of n faces."""

    elder: Column
    female: Column

    def right(self, faces: Faces) -> Mask:
        """Where the likeliest label is the true one; undefined where the age is unknown."""
        return np.asarray(((self.elder > 0.5) == faces.elder) & ((self.female > 0.5) == faces.female))


def fit(faces: Faces, choice: Choice) -> tuple[dict[str, Any], Predictions]:
    """The manifest's `calibration`, fitted on the train split, and cross-validated predictions of that split.

    No person is in both sides of a fold. The confidence is fitted on the cross-validated predictions: on its own
    training faces a fit looks better than it is.
    """
    train = faces.split == "train"
    held_out = Predictions(np.full(len(train), np.nan), np.full(len(train), np.nan))
    rows = np.flatnonzero(train)
    for kept, left in GroupKFold(FOLDS).split(rows, groups=faces.person[rows]):
        part = np.zeros_like(train)
        part[rows[kept]] = True
        predictions = predict(faces, _questions(faces, choice, part))
        held_out.elder[rows[left]] = predictions.elder[rows[left]]
        held_out.female[rows[left]] = predictions.female[rows[left]]
    features = np.array([log_features(p) for p in likeliest_label_score(held_out.elder, held_out.female)])
    confidence = _logistic(
        {"log_right": features[:, 0], "log_wrong": features[:, 1]},
        held_out.right(faces),
        weights(faces),
        train & faces.known_age,
        1e3,
    )
    return {**_questions(faces, choice, train), "confidence": confidence}, held_out


def predict(faces: Faces, calibration: dict[str, Any]) -> Predictions:
    """The predictions of fitted formulas for all faces; `calibration` has no `confidence` yet while that is fitted."""
    fitted = Calibration.from_fields({"confidence": BetaCalibration(0, 0, 0).fields(), **calibration})
    return Predictions(fitted.elder(faces.features), fitted.female(faces.features))


def _questions(faces: Faces, choice: Choice, part: Mask) -> dict[str, Any]:
    elder = {name: faces.features[name] for name in choice.elder}
    female = {name: faces.features[name] for name in choice.female}
    return {
        "elder": _logistic(elder, faces.elder, weights(faces), part & faces.known_age, choice.strength),
        # Every gender is known, so the members of Parliament, whose ages are unknown, are used here too.
        "female": _logistic(female, faces.female, weights(faces), part, choice.strength),
    }


def _logistic(features: dict[str, Column], yes: Mask, weight: Column, part: Mask, strength: float) -> dict[str, Any]:
    """Weighted logistic regression; standardised for the fit, reported in the features' own units."""
    x = np.column_stack(list(features.values()))[part]
    mean = np.average(x, axis=0, weights=weight[part])
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight[part])) + 1e-9
    model = LogisticRegression(C=strength, max_iter=5000).fit(
        (x - mean) / spread, yes[part], sample_weight=weight[part]
    )
    slope = model.coef_[0] / spread
    return {
        "bias": round(float(model.intercept_[0] - slope @ mean), 6),
        "weights": {name: round(float(value), 6) for name, value in zip(features, slope, strict=True)},
    }
