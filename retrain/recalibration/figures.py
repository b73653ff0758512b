"""The figures of one calibration on checked photos: log loss, calibration error, elders, the easy screen, the gate.

The last axis of an array of draws is (1 + draws,): the first column is the photos themselves, the others are bootstrap
draws of their moments, the same for both calibrations (retrain/judge/metrics.py).

Log loss, in nats a person, is the sum of three means: of the age, of the gender, and of the confidence as the
probability that the label is right. It is a proper score: only the true probabilities make it least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from recipes.kiosk.labels import LABELS, Label
from retrain.judge.figures import MAX_BINS, MIN_IN_BIN
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import Flags, Floats, Places, people, served
from retrain.judge.metrics import Estimate
from retrain.judge.predictions import Prediction

_ELDER_CLASSES: Final = tuple(label.yolo_class for label in LABELS if label.elder)
_FEMALE_CLASSES: Final = tuple(label.yolo_class for label in LABELS if label.female)


@dataclass(frozen=True, slots=True)
class Answered:
    """The n boxes of a model as served, each with the person whom it matches. Probabilities are 0-1."""

    photo: Places  # (n,)
    truth: Places  # (n,) class of the person, -1 where people see nobody
    said: Places  # (n,) class of the label
    confidence: Floats  # (n,)
    elder: Floats  # (n,) P(elder)
    female: Floats  # (n,) P(female)

    @classmethod
    def of(cls, photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction]) -> Answered:
        """From predictions with answers. ValueError if one has none."""
        matched = served(photos, predictions, LABELS)
        boxes = [
            person
            for prediction in predictions
            for person in sorted(prediction.people, key=lambda person: -person.confidence)
        ]
        answers = [box.answers for box in boxes]
        if any(each is None for each in answers):
            raise ValueError("a prediction has no answers; only a cascade's are compared here")
        return cls(
            photo=matched.photo,
            truth=matched.truth,
            said=np.array([Label(box.label).yolo_class for box in boxes], dtype=np.intp),
            confidence=matched.confidence,
            elder=np.array([each.elder for each in answers if each], dtype=np.float64),
            female=np.array([each.female for each in answers if each], dtype=np.float64),
        )

    @property
    def known(self) -> Flags:
        """(n,) whether the box matches a person."""
        return np.asarray(self.truth >= 0)

    @property
    def right(self) -> Flags:
        """(n,) whether it has their label."""
        return np.asarray(self.truth == self.said)

    def elders(self) -> Flags:
        """(n,) whether the person is an elder."""
        return np.asarray(self.known & np.isin(self.truth, _ELDER_CLASSES))

    def losses(self) -> dict[str, Floats]:
        """The log loss of each question, nats, (n,); NaN where the box matches nobody, who has no age."""
        women = np.isin(self.truth, _FEMALE_CLASSES)
        age, gender = _loss(self.elder, self.elders()), _loss(self.female, women)
        return {
            "age": np.where(self.known, age, np.nan),
            "gender": np.where(self.known, gender, np.nan),
            "confidence": _loss(self.confidence, self.right),
        }


@dataclass(frozen=True, slots=True)
class Share:
    """A share of people: how many of how many, with its draws, (1 + draws,)."""

    count: int
    total: int
    draws: Floats

    def fields(self) -> dict[str, Any]:
        return {"count": self.count, "of": self.total, **Estimate.wilson(self.count, self.total).fields()}


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """All figures of one calibration. Shares of elders and adults are of all of them, found or not."""

    log_loss: Mapping[str, Floats]  # by question, (1 + draws,), nats a person
    ece: Floats  # (1 + draws,) expected calibration error of the label's confidence
    elders_told: Share
    easy_elders: Share
    easy_adults: Share
    right: Share  # boxes of people with the right label
    gate: Mapping[str, Share]  # by said label: right ones of those kept
    said: Mapping[str, int]  # by said label: kept or not

    @property
    def total(self) -> Floats:
        """The log loss of all questions, (1 + draws,)."""
        return np.asarray(sum(self.log_loss.values()))

    def fields(self) -> dict[str, Any]:
        """As in the report's JSON."""
        return {
            "log_loss": {
                "sum": Estimate.of(self.total).fields(),
                **{name: Estimate.of(draws).fields() for name, draws in self.log_loss.items()},
            },
            "ece": Estimate.of(self.ece).fields(),
            "right_label": self.right.fields(),
            "elders_told_elder": self.elders_told.fields(),
            "easy_screen_elders": self.easy_elders.fields(),
            "easy_screen_adults": self.easy_adults.fields(),
            "gate": {
                label: {"said": self.said[label], "kept": share.total, "right": share.fields()}
                for label, share in self.gate.items()
            },
        }


def figures(
    photos: Sequence[GoldenPhoto],
    answered: Answered,
    draws: Floats,
    *,
    gate: float,
    elder_from: float,
    elder_weight: float = 1.0,
) -> LayerFigures:
    """Measure one calibration. `draws` is of `bootstrap_weights`, `elder_weight` of `fit.weight_of_elders`."""
    all_people = people(photos, LABELS)
    old = np.isin(all_people.label, _ELDER_CLASSES)
    elders, easy = answered.elders(), answered.elder >= elder_from
    adults = answered.known & ~elders
    told = np.isin(answered.said, _ELDER_CLASSES)
    kept = answered.confidence >= gate
    return LayerFigures(
        log_loss=log_losses(answered, draws, elder_weight=elder_weight),
        ece=_calibration_error(answered.confidence, answered.right, answered.photo, draws),
        elders_told=_of_people(answered.photo[elders & told], all_people.photo[old], draws),
        easy_elders=_of_people(answered.photo[elders & easy], all_people.photo[old], draws),
        easy_adults=_of_people(answered.photo[adults & easy], all_people.photo[~old], draws),
        right=_of_people(answered.photo[answered.right], answered.photo[answered.known], draws),
        gate={
            str(label): _of_people(answered.photo[here & answered.right], answered.photo[here], draws)
            for place, label in enumerate(LABELS)
            for here in [kept & (answered.said == place)]
        },
        said={str(label): int((answered.said == place).sum()) for place, label in enumerate(LABELS)},
    )


def log_losses(answered: Answered, draws: Floats, *, elder_weight: float) -> dict[str, Floats]:
    """The mean log loss of each question, nats a person, (1 + draws,)."""
    weight = np.where(answered.elders(), elder_weight, 1.0)
    return {
        name: _mean(loss, answered.photo, draws, weight if name == "age" else np.ones(len(loss)))
        for name, loss in answered.losses().items()
    }


def _loss(probability: Floats, yes: Flags) -> Floats:
    """-log of the probability of the truth, nats."""
    return np.asarray(-np.log(np.clip(np.where(yes, probability, 1 - probability), 1e-6, 1)))


def _mean(values: Floats, photo: Places, draws: Floats, weight: Floats) -> Floats:
    """The weighted mean of the values that are no NaN, (1 + draws,); NaN in draws without one."""
    counted = np.isfinite(values)
    each = draws[photo[counted]] * weight[counted, None]
    total = each.sum(axis=0)
    return np.asarray(np.divide(values[counted] @ each, total, out=np.full(total.shape, np.nan), where=total > 0))


def _of_people(some: Places, every: Places, draws: Floats) -> Share:
    """The share of `some` among `every`, both given by the photo of each person."""
    total = draws[every].sum(axis=0)
    drawn = np.divide(draws[some].sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
    return Share(len(some), len(every), np.asarray(drawn))


def _calibration_error(confidence: Floats, right: Flags, photo: Places, draws: Floats) -> Floats:
    """The expected calibration error in each draw, (1 + draws,), in bins of equal counts of the photos themselves."""
    if not len(confidence):
        return np.full(draws.shape[1], math.nan)
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, max(1, min(MAX_BINS, len(order) // MIN_IN_BIN)))
    off = [np.abs((confidence[part] - right[part]) @ draws[photo[part]]) for part in bins]
    return np.asarray(np.sum(off, axis=0) / np.maximum(draws[photo].sum(axis=0), 1))
