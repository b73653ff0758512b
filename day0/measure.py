"""Accuracy with confidence intervals: all, by group, by source, and at the gate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from day0.fit import Faces, Mask, Predictions, weights
from retrain.intervals import wilson
from worker.models.age_gender import Evidence
from worker.models.calibration import Column, likeliest_label_score

GATE = 0.95
RESAMPLES = 2000
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def share(yes: Mask) -> dict[str, Any]:
    """Count, total, share and its 95 % interval by Wilson; share and interval are None without faces."""
    count, total = int(yes.sum()), len(yes)
    interval = [round(end, 3) for end in wilson(count, total)] if total else None
    return {"yes": count, "of": total, "share": round(count / total, 3) if total else None, "interval": interval}


def at_gate(confidence: Column, right: Mask, gate: float = GATE) -> dict[str, Any]:
    """The share of faces kept at the gate, and of these the share of right labels."""
    kept = confidence >= gate
    return {"kept": share(kept), "right_of_kept": share(right[kept])}


def figures(faces: Faces, predictions: Predictions, confidence: Column, part: Mask) -> dict[str, Any]:
    """All figures of the faces of known age in `part`: all, by group, by source, and weighted as a balanced queue."""
    part = part & faces.known_age
    right = predictions.right(faces)
    return {
        "all": _summary(confidence, right, part),
        "groups": {name: _summary(confidence, right, part & mask) for name, mask in groups(faces)},
        "sources": {
            source: _summary(confidence, right, part & (faces.source == source))
            for source in np.unique(faces.source[part])
        },
        "queue": _queue(faces, confidence, right, part),
        "other gates": {
            f"{gate:.2f}": at_gate(confidence[part], right[part], gate) for gate in (0.7, 0.8, 0.85, 0.9, 0.95, 0.97)
        },
        "reliability": _reliability(confidence[part], right[part]),
    }


def groups(faces: Faces) -> Iterator[tuple[str, Mask]]:
    """Age group and gender, elders first."""
    for age_group in ("elder", "adult", "teen", "child"):
        for gender, female in (("women" if age_group in ("elder", "adult") else "girls", True), ("men", False)):
            name = gender if female or age_group in ("elder", "adult") else "boys"
            yield f"{age_group} {name}", (faces.age_group == age_group) & (faces.female == female)


def softmax_predictions(evidence: Evidence) -> tuple[Predictions, Column]:
    """The baseline: the networks' own softmax on one chip at padding 0.2, and its confidence."""
    elder = _softmax(evidence.age_logits[:, 2])[:, 60:].sum(axis=1)
    female = _softmax(evidence.gender_logits[:, 2])[:, 0]
    return Predictions(elder, female), likeliest_label_score(elder, female)


def log_loss(faces: Faces, predictions: Predictions, part: Mask) -> float:
    """Mean -log of the true label's probability in a balanced queue, nats."""
    true = np.where(faces.elder, predictions.elder, 1 - predictions.elder)
    true = true * np.where(faces.female, predictions.female, 1 - predictions.female)
    part = part & faces.known_age
    return round(float(np.average(-np.log(np.clip(true[part], 1e-6, 1)), weights=weights(faces)[part])), 4)


def _summary(confidence: Column, right: Mask, part: Mask) -> dict[str, Any]:
    return {"right": share(right[part]), "gate": at_gate(confidence[part], right[part])}


def _queue(faces: Faces, confidence: Column, right: Mask, part: Mask) -> dict[str, Any]:
    """The same shares with every source weighted as a balanced queue; intervals by bootstrap over people."""
    weight = weights(faces)[part]
    kept, good = confidence[part] >= GATE, right[part]
    _, person = np.unique(faces.person[part], return_inverse=True)
    random = np.random.default_rng(0)
    draws = []
    for _ in range(RESAMPLES):
        times = np.bincount(random.integers(0, person.max() + 1, person.max() + 1), minlength=person.max() + 1)[person]
        draws.append(_rates(weight * times, kept, good))
    lows, highs = np.nanpercentile(np.array(draws), [2.5, 97.5], axis=0)
    return {
        name: {"share": round(value, 3), "interval": [round(float(low), 3), round(float(high), 3)]}
        for name, value, low, high in zip(
            ("right", "kept", "right_of_kept"), _rates(weight, kept, good), lows, highs, strict=True
        )
    }


def _rates(weight: Column, kept: Mask, good: Mask) -> tuple[float, float, float]:
    total, at = weight.sum(), weight[kept].sum()
    of_kept = float(weight[kept & good].sum() / at) if at else math.nan
    return float(weight[good].sum() / total), float(at / total), of_kept


def _reliability(confidence: Column, right: Mask) -> list[dict[str, Any]]:
    rows = []
    for low, high in pairwise(BINS):
        part = (confidence >= low) & ((confidence < high) | (high == BINS[-1]))
        if part.any():
            rows.append(
                {"from": low, "to": high, "said": round(float(confidence[part].mean()), 3), **share(right[part])}
            )
    return rows


def _softmax(logits: NDArray[np.float32]) -> Column:
    e = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))
