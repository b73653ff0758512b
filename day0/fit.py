"""Calibration: fits the formulas of `worker/kiosk/calibration.py` on people whom the networks did not train on.

The share of elders before a camera is an assumption, ELDER_SHARE, and so are the ages of the adults: the weights of the
fit carry both, so that another share is one number and one command away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from contracts.formulas.calibration import BetaCalibration, log_features
from day0.conditions import AS_IT_IS, CONDITIONS, SHOP
from day0.evidence import Seen
from day0.photos import Photo
from recipes.kiosk.labels import LABELS
from recipes.kiosk.teaching import ELDER_SHARE
from worker.kiosk.calibration import FEATURES, Column
from worker.models.onnx_runtime import Floats

# By decade, about as in Korea's population. FairFace's adults are younger, and would put the border too low for a shop.
ADULT_SHARES: Final = {2: 0.21, 3: 0.23, 4: 0.26, 5: 0.30}
ELDER_SHARES: Final = {6: 0.55, 7: 0.45}
CONDITION_SHARES: Final = {AS_IT_IS: 0.4, SHOP: 0.2}  # the others equally
FOLDS: Final = 5
STRENGTH: Final = 1.0  # scikit-learn's C: small is strong regularisation
PRIOR: Final = 40.0  # of a label's shift: 1 / variance, nats to the minus two

Mask = NDArray[np.bool_]  # (n,)


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of the fit: the features of each question."""

    elder: tuple[str, ...]
    female: tuple[str, ...]


AGES: Final = ("older_than_50", "older_than_60", "older_than_70")
CHOICES: Final = {
    "one feature each": Choice(("older_than_60",), ("female_log_odds",)),
    "three ages": Choice(AGES, ("female_log_odds",)),
    "three ages, disagreement": Choice((*AGES, "age_disagreement"), ("female_log_odds", "gender_disagreement")),
    "each other's, too": Choice((*AGES, "female_log_odds"), ("female_log_odds", "older_than_60")),
}


@dataclass(frozen=True, slots=True)
class Faces:
    """Features and ground truth of n rows: each found face in each condition."""

    features: dict[str, Column]
    elder: Mask
    female: Mask
    known_age: Mask
    near_border: Mask  # an age of 55 to 64, or a band with such ages
    band: NDArray[np.int64]  # the age's decade; -1 where unknown
    source: NDArray[np.str_]
    origin: NDArray[np.str_]
    age_group: NDArray[np.str_]
    split: NDArray[np.str_]
    person: NDArray[np.str_]
    condition: NDArray[np.str_]
    found: Mask

    @classmethod
    def of(cls, photos: Sequence[Photo], seen: Seen, logits: Floats) -> Faces:
        """From the photos, what was seen of them, and the logits of the chips."""
        rows = [photos[index] for index in seen.photo]

        def column(name: str) -> Any:
            return np.array([getattr(row, name) for row in rows])

        return cls(
            features={name: feature(logits) for name, feature in FEATURES.items()},
            elder=column("elder"),
            female=column("female"),
            known_age=np.array([row.age_low is not None for row in rows]),
            near_border=column("near_border"),
            band=np.array([-1 if row.age_low is None else row.age_low // 10 for row in rows]),
            source=column("source"),
            origin=column("origin"),
            age_group=column("age_group"),
            split=column("split"),
            person=column("person"),
            condition=seen.condition,
            found=seen.found,
        )


@dataclass(frozen=True, slots=True)
class Predictions:
    """P(elder), P(female) and the confidence of the label, of n faces."""

    elder: Column
    female: Column
    confidence: Column

    def labels(self) -> NDArray[np.int64]:
        """The place of each face's label in LABELS."""
        return label_index(self.elder > 0.5, self.female > 0.5)


def label_index(elder: Mask, female: Mask) -> NDArray[np.int64]:
    """The place in LABELS: elder men, elder women, adult men, adult women."""
    return np.where(elder, 0, 2) + female


def weights(faces: Faces, part: Mask, share: float = ELDER_SHARE) -> Column:
    """A weight for each face of `part`: `share` elders, decades as in ADULT_SHARES and ELDER_SHARES, genders equally.

    Photos of a condition weigh as CONDITION_SHARES say. Unknown ages, which teach gender only, are a sixth.
    """
    others = (1 - sum(CONDITION_SHARES.values())) / (len(CONDITIONS) - len(CONDITION_SHARES))
    of_band = {band: (1 - share) * part_of_adults for band, part_of_adults in ADULT_SHARES.items()}
    of_band |= {band: share * part_of_elders for band, part_of_elders in ELDER_SHARES.items()} | {-1: 0.2}
    weight = np.zeros(len(part))
    for condition in CONDITIONS:
        for female in (True, False):
            for band, of_all in of_band.items():
                cell = part & (faces.condition == condition) & (faces.female == female)
                cell &= np.minimum(faces.band, 7) == band
                weight[cell] = of_all * CONDITION_SHARES.get(condition, others) / max(1, cell.sum())
    return np.asarray(weight / weight.sum() * part.sum())


def fit(faces: Faces, choice: Choice, part: Mask) -> tuple[dict[str, Any], Predictions]:
    """The manifest's `calibration`, fitted on `part`, and predictions of `part` by fits without the person.

    The confidence is fitted on those: on its own faces a fit looks better than it is.
    """
    elder, female = np.full(len(part), np.nan), np.full(len(part), np.nan)
    rows = np.flatnonzero(part)
    for kept, left in GroupKFold(FOLDS, shuffle=True, random_state=0).split(rows, groups=faces.person[rows]):
        fold = np.zeros_like(part)
        fold[rows[kept]] = True
        questions = _questions(faces, choice, fold)
        elder[rows[left]] = _probability(faces, questions["elder"])[rows[left]]
        female[rows[left]] = _probability(faces, questions["female"])[rows[left]]
    known = part & faces.known_age
    fields = {**_questions(faces, choice, part), **_confidences(faces, elder, female, known)}
    held_out = Predictions(elder, female, confidence_of(fields, elder, female))
    return fields, held_out


def predict(faces: Faces, fields: dict[str, Any]) -> Predictions:
    """The predictions of a fitted `calibration` for all faces."""
    elder, female = _probability(faces, fields["elder"]), _probability(faces, fields["female"])
    return Predictions(elder, female, confidence_of(fields, elder, female))


def confidence_of(fields: dict[str, Any], elder: Column, female: Column) -> Column:
    """The confidence of each face's label."""
    formulas = [
        BetaCalibration.from_fields(fields["by_label"].get(str(label), fields["confidence"])) for label in LABELS
    ]
    score = likeliest_label_score(elder, female)
    most = np.minimum(np.maximum(elder, 1 - elder), np.maximum(female, 1 - female))
    labels = label_index(elder > 0.5, female > 0.5)
    confidence = [formulas[label](p) if np.isfinite(p) else np.nan for label, p in zip(labels, score, strict=True)]
    return np.minimum(confidence, most)  # a label is never surer than one of its answers


def likeliest_label_score(elder: Column, female: Column) -> Column:
    """The likeliest label's probability, (n,), if the two questions were independent."""
    return np.asarray(np.maximum(elder, 1 - elder) * np.maximum(female, 1 - female))


def log_losses(faces: Faces, predictions: Predictions, part: Mask) -> dict[str, float]:
    """Mean -log of the probability of the truth, nats, by question, with the weights of the fit."""
    losses = {}
    for name, p, true, rows in (
        ("age", predictions.elder, faces.elder, part & faces.known_age),
        ("gender", predictions.female, faces.female, part),
    ):
        right = np.where(true, p, 1 - p)[rows]
        losses[name] = round(float(np.average(-np.log(np.clip(right, 1e-6, 1)), weights=weights(faces, rows)[rows])), 4)
    return losses


def _questions(faces: Faces, choice: Choice, part: Mask) -> dict[str, Any]:
    known = part & faces.known_age
    return {
        "elder": _logistic(faces, choice.elder, faces.elder, known),
        "female": _logistic(faces, choice.female, faces.female, part),
    }


def _probability(faces: Faces, formula: dict[str, Any]) -> Column:
    x = formula["bias"] + sum(weight * faces.features[name] for name, weight in formula["weights"].items())
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _logistic(faces: Faces, names: Sequence[str], yes: Mask, part: Mask) -> dict[str, Any]:
    """Weighted logistic regression; standardised for the fit, reported in the features' own units."""
    weight = weights(faces, part)[part]
    x = np.column_stack([faces.features[name] for name in names])[part]
    mean = np.average(x, axis=0, weights=weight)
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight)) + 1e-9
    model = LogisticRegression(C=STRENGTH, max_iter=5000).fit((x - mean) / spread, yes[part], sample_weight=weight)
    slope = model.coef_[0] / spread
    return {
        "bias": round(float(model.intercept_[0] - slope @ mean), 6),
        "weights": {name: round(float(value), 6) for name, value in zip(names, slope, strict=True)},
    }


def _confidences(faces: Faces, elder: Column, female: Column, part: Mask) -> dict[str, Any]:
    """Beta calibration of the label's score: common, and for each said label with the common one as its prior."""
    weight = weights(faces, part)[part]
    score = likeliest_label_score(elder, female)[part]
    said = label_index(elder > 0.5, female > 0.5)[part]
    right = (said == label_index(faces.elder, faces.female)[part]).astype(float)
    common = _beta(score, right, weight)
    by_label = {}
    for index, label in enumerate(LABELS):
        of_label = said == index
        bias = common.bias + _shift(common, score[of_label], right[of_label], weight[of_label])
        by_label[str(label)] = BetaCalibration(round(bias, 6), common.right, common.wrong).fields()
    return {"confidence": common.fields(), "by_label": by_label}


def _shift(common: BetaCalibration, score: Column, right: Column, weight: Column) -> float:
    """What the faces of one label add to the common bias: the most likely shift, with a normal prior around 0.

    A few dozen people say an elder label: enough for one number, too few for a curve.
    """
    logit = np.array([common.logit(p) for p in score])

    def slope(shift: float) -> float:
        return float((weight * (right - 1 / (1 + np.exp(-logit - shift)))).sum() - PRIOR * shift)

    return float(brentq(slope, -5, 5))


def _beta(score: Column, right: Column, weight: Column) -> BetaCalibration:
    features = np.array([log_features(p) for p in score])
    # Kull et al.: a coefficient of the wrong sign is dropped, and the other one fitted alone.
    for columns in ([0, 1], [1], [0]):
        model = LogisticRegression(C=1e4, max_iter=5000).fit(features[:, columns], right, sample_weight=weight)
        found = dict(zip(columns, map(float, model.coef_[0]), strict=True))
        formula = BetaCalibration(
            *(round(value, 6) for value in (float(model.intercept_[0]), found.get(0, 0.0), found.get(1, 0.0)))
        )
        if formula.right >= 0 >= formula.wrong and formula.rises(0.25):
            return formula
    raise ValueError("no formula fits: a higher score is not more often right")
