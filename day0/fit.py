"""Fits the three formulas of `worker/models/calibration.py` on split=train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from day0.looks import Looks
from day0.photos import Photo
from day0.recipe import Choice
from worker.models.calibration import FEATURES, Calibration, Column, label_features

ELDER_SHARE = 0.3  # of the people before the camera: about that of the known ages here
FOLDS = 5

Mask = NDArray[np.bool_]  # (n,)


@dataclass(frozen=True, slots=True)
class Faces:
    """What is known of n faces, and what the networks made of them, one row for each look."""

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
    def of(cls, photos: Sequence[Photo], looks: Looks) -> Faces:
        rows = [photos[index] for index in looks.photo]
        return cls(
            features={name: feature(looks.evidence) for name, feature in FEATURES.items()},
            elder=np.array([row.elder is True for row in rows]),
            female=np.array([row.female for row in rows]),
            known_age=np.array([row.elder is not None for row in rows]),
            source=np.array([row.source for row in rows]),
            age_group=np.array([row.age_group for row in rows]),
            split=np.array([row.split for row in rows]),
            person=np.array([row.person for row in rows]),
            variant=looks.variant,
        )


def weights(faces: Faces) -> Column:
    """A weight for each face, so that every source looks like one queue: ELDER_SHARE elders, as many women as men.

    As they are, the elders are mostly men and mostly in Congress: both would become evidence of age. Faces of unknown
    age (they count for gender only) are balanced by gender. The two Congress sources are one: one kind of people.
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
class Answers:
    """P(elder) and P(female) of n faces, and what follows from them."""

    elder: Column
    female: Column

    def both(self) -> tuple[Column, Column]:
        """P(elder) and P(female)."""
        return self.elder, self.female

    def right(self, faces: Faces) -> Mask:
        """Where the likeliest label is the true one. Means nothing where the age is not known."""
        return np.asarray(((self.elder > 0.5) == faces.elder) & ((self.female > 0.5) == faces.female))


def fit(faces: Faces, choice: Choice) -> tuple[dict[str, Any], Answers]:
    """The manifest's `calibration`, fitted on split=train, and what fits that left the person out say of train.

    The confidence is fitted on those answers: on its own training faces a fit looks better than it is.
    """
    train = faces.split == "train"
    held_out = Answers(np.full(len(train), np.nan), np.full(len(train), np.nan))
    rows = np.flatnonzero(train)
    for kept, left in GroupKFold(FOLDS).split(rows, groups=faces.person[rows]):
        part = np.zeros_like(train)
        part[rows[kept]] = True
        answers = answer(faces, _questions(faces, choice, part))
        held_out.elder[rows[left]] = answers.elder[rows[left]]
        held_out.female[rows[left]] = answers.female[rows[left]]
    confidence = _logistic(
        label_features(held_out.elder, held_out.female),
        held_out.right(faces),
        weights(faces),
        train & faces.known_age,
        1e3,
    )
    return {**_questions(faces, choice, train), "confidence": confidence}, held_out


def answer(faces: Faces, questions: dict[str, Any]) -> Answers:
    """What fitted questions say of all faces."""
    confidence: dict[str, Any] = {"bias": 0.0, "weights": {}}
    fitted = Calibration.from_fields({"confidence": confidence, **questions})
    return Answers(fitted.elder(faces.features), fitted.female(faces.features))


def _questions(faces: Faces, choice: Choice, part: Mask) -> dict[str, Any]:
    elder = {name: faces.features[name] for name in choice.elder}
    female = {name: faces.features[name] for name in choice.female}
    return {
        "elder": _logistic(elder, faces.elder, weights(faces), part & faces.known_age, choice.strength),
        # Everybody's gender is known, so the members of Parliament, whose ages are not, count here too.
        "female": _logistic(female, faces.female, weights(faces), part, choice.strength),
    }


def _logistic(features: dict[str, Column], yes: Mask, weight: Column, part: Mask, strength: float) -> dict[str, Any]:
    """Weighted logistic regression; standardised for the fit, told in the features' own units."""
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
