"""The figures of one model on the golden photos: mAP, accuracy, calibration, gate and time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from contracts.messages import Model
from recipes.detects import Detects
from retrain.errors import JudgementFailed
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import Flags, Floats, ServedMatches, people, ranked, served
from retrain.judge.metrics import Estimate, average_precision, mean_over_labels, rounded, share_of
from retrain.judge.predictions import Prediction
from retrain.judge.settings import Score

# Calibration bins have equal counts, not equal widths: most confidences are close to 1.
MAX_BINS: Final = 10
MIN_IN_BIN: Final = 25
GATES: Final = tuple(round(0.5 + 0.01 * step, 2) for step in range(50))


@dataclass(frozen=True, slots=True)
class Bin:
    """A calibration bin: boxes of similar confidence, their mean confidence, and the share that is right."""

    count: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What passes a gate and becomes training data: photos whose people all pass it, and the people in them."""

    gate: float
    photos: int
    of_photos: int
    people: int
    right: int

    @property
    def precision(self) -> Estimate:
        """The share of right labels; its interval decides about the promise, so it is exact."""
        return Estimate.exact(self.right, self.people)

    @property
    def share(self) -> Estimate:
        """The share of photos that pass."""
        return Estimate.wilson(self.photos, self.of_photos)

    def fields(self) -> dict[str, Any]:
        return {**asdict(self), "precision": self.precision.fields(), "share": self.share.fields()}


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one model. The last axis of the arrays is (draws,), of which the first is the golden set itself.

    `ap` is on raw predictions if both models have them, otherwise as served; `own_ap` is on raw predictions if this
    model has them, as by `yolo val`.
    """

    model: Model
    detects: Detects
    raw: bool
    failed: int  # photos without a prediction; their people count as not detected
    ap: Floats  # (labels, thresholds, draws)
    own_ap: Floats  # (labels, thresholds)
    right: Floats  # (labels, draws): share of the label's people that are detected with the right label
    detected: Floats  # (labels, draws): share of the label's people that are detected
    accuracy: Floats  # (draws,): share of all people that are detected with the right label
    ece: float
    bins: tuple[Bin, ...]
    gate: Gate
    curve: tuple[Gate, ...]
    ms: float

    def score(self, score: Score) -> Floats:
        """(draws,)"""
        if score is Score.ACCURACY:
            return self.accuracy
        return mean_over_labels(self.ap[:, 0] if score is Score.MAP50 else self.ap.mean(axis=1))

    def fields(self) -> dict[str, Any]:
        """As in the report's JSON."""
        own50, own = self.own_ap[:, 0], self.own_ap.mean(axis=1)
        return {
            "model": {"name": self.model.name, "version": self.model.version, "digest": self.model.digest},
            "failed_photos": self.failed,
            "yolo_val": {
                "raw": self.raw,
                "map50": rounded(float(mean_over_labels(own50))),
                "map50_95": rounded(float(mean_over_labels(own))),
                "by_label": {
                    label: {"ap50": rounded(float(own50[place])), "ap50_95": rounded(float(own[place]))}
                    for place, label in enumerate(self.detects.classes)
                },
            },
            "compared": {
                "map50": Estimate.of(self.score(Score.MAP50)).fields(),
                "map50_95": Estimate.of(self.score(Score.MAP50_95)).fields(),
                "ap50_by_label": {
                    label: Estimate.of(self.ap[place, 0]).fields() for place, label in enumerate(self.detects.classes)
                },
            },
            "accuracy": Estimate.of(self.accuracy).fields(),
            "right_by_group": {
                label: Estimate.of(self.right[place]).fields() for place, label in enumerate(self.detects.classes)
            },
            "found_by_group": {
                label: Estimate.of(self.detected[place]).fields() for place, label in enumerate(self.detects.classes)
            },
            "calibration": {
                "ece": rounded(self.ece),
                "bins": [{"count": part.count, "said": part.confidence, "right": part.right} for part in self.bins],
            },
            "gate": self.gate.fields(),
            "ms": rounded(self.ms),
        }


def figures(
    photos: Sequence[GoldenPhoto],
    draws: Floats,
    *,
    answers: Sequence[Prediction],
    raw: Sequence[Prediction],
    detects: Detects,
    compare_raw: bool,
    gate: float,
    ms: float,
) -> Figures:
    """Measure one model: `answers` are its predictions as served, `raw` those that mAP is measured on."""
    if not answers or answers[0].model is None:
        raise JudgementFailed("the predictions do not name their model; nothing was judged")
    classes = detects.classes
    known, as_served = people(photos, classes), served(photos, answers, classes)
    own = ranked(photos, raw, classes)
    ap = average_precision(own if compare_raw else ranked(photos, answers, classes), known, draws, classes)
    own_ap = ap[..., 0] if compare_raw else average_precision(own, known, draws[:, :1], classes)[..., 0]
    of_label = [known.label == label for label in range(len(classes))]
    ece, bins = calibration_of(as_served.confidence, as_served.box_right)
    return Figures(
        model=answers[0].model,
        detects=detects,
        raw=raw[0].raw,
        failed=sum(answer.error is not None for answer in answers),
        ap=ap,
        own_ap=own_ap,
        right=np.array([share_of(as_served.right[of], known.photo[of], draws) for of in of_label]),
        detected=np.array([share_of(as_served.detected[of], known.photo[of], draws) for of in of_label]),
        accuracy=share_of(as_served.right, known.photo, draws),
        ece=ece,
        bins=bins,
        gate=gate_of(as_served, len(photos), gate),
        curve=tuple(gate_of(as_served, len(photos), point) for point in GATES),
        ms=ms,
    )


def calibration_of(confidence: Floats, right: Flags, *, min_in_bin: int = MIN_IN_BIN) -> tuple[float, tuple[Bin, ...]]:
    """The expected calibration error, the mean distance of confidence and share of right labels; and its bins.

    No bin has fewer than `min_in_bin` boxes, unless there are fewer in total.
    """
    count = len(confidence)
    if not count:
        return math.nan, ()
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, max(1, min(MAX_BINS, count // min_in_bin)))
    bins = tuple(Bin(len(part), float(confidence[part].mean()), float(right[part].mean())) for part in parts)
    return sum(part.count * abs(part.confidence - part.right) for part in bins) / count, bins


def gate_of(answers: ServedMatches, photos: int, gate: float) -> Gate:
    """What passes: photos with at least one person, and each at or above the gate, as in the worker."""
    lowest = np.full(photos, np.inf)
    np.minimum.at(lowest, answers.photo, answers.confidence)
    kept = np.isfinite(lowest) & (lowest >= gate)
    inside = kept[answers.photo]
    return Gate(gate, int(kept.sum()), photos, int(inside.sum()), int(answers.box_right[inside].sum()))
