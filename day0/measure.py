"""Accuracy of the labels and the answers, with counts and 95 % intervals: all, by group, by origin, at the gate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np

from contracts.gate import DEFAULT_GATE
from day0.fit import ELDER_SHARE, Faces, Mask, Predictions, label_index
from recipes.kiosk.labels import LABELS
from retrain.intervals import wilson
from worker.kiosk.calibration import Column

BINS: Final = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
UNSURE_BELOW: Final = 0.5  # the worker's default: below it, a customer gets no label
THRESHOLDS: Final = tuple(round(0.1 + 0.05 * step, 2) for step in range(13))


def share(yes: Mask) -> dict[str, Any]:
    """Count, total, share and its 95 % interval by Wilson; share and interval are None without faces."""
    count, total = int(yes.sum()), len(yes)
    interval = [round(end, 3) for end in wilson(count, total)] if total else None
    return {"yes": count, "of": total, "share": round(count / total, 3) if total else None, "interval": interval}


def figures(faces: Faces, predictions: Predictions, part: Mask, *, elder_from: float | None) -> dict[str, Any]:
    """All figures of adults of known age in `part`, found or not.

    `elder_from` is the easy screen's threshold; None for a model without answers, whose screen hung on the label.
    """
    part = part & faces.known_age & (faces.elder | (faces.age_group == "adult"))
    found = part & faces.found
    right = predictions.labels() == label_index(faces.elder, faces.female)
    told = predictions.elder > 0.5
    easy = easy_screen(predictions, elder_from)
    kept = found & (predictions.confidence >= DEFAULT_GATE)
    said = predictions.labels()
    men = ~faces.female
    return {
        "found": share(faces.found[part]),
        "four-class": share(right[found]),
        f"four-class at a share of {ELDER_SHARE:.0%}": right_at(right, found, faces.elder, found),
        "four-class, without ages 55-64": share(right[found & ~faces.near_border]),
        f"four-class, without ages 55-64, at a share of {ELDER_SHARE:.0%}": right_at(
            right, found & ~faces.near_border, faces.elder, found & ~faces.near_border
        ),
        "gender": share(((predictions.female > 0.5) == faces.female)[found]),
        "age": share((told == faces.elder)[found]),
        "elders told elder": share(told[found & faces.elder]),
        "elder men told elder": share(told[found & faces.elder & men]),
        "elder women told elder": share(told[found & faces.elder & faces.female]),
        "adults told elder": share(told[found & ~faces.elder]),
        "precision of elder": share(faces.elder[found & told]),
        f"precision of elder at a share of {ELDER_SHARE:.0%}": precision_at(told[found], faces.elder[found]),
        "easy screen, elders": share(easy[part & faces.elder]),
        "easy screen, adults": share(easy[part & ~faces.elder]),
        "kept": share(kept[found]),
        "kept, right": share(right[kept]),
        **{f"kept as {label}, right": share(right[kept & (said == index)]) for index, label in enumerate(LABELS)},
        **{
            f"kept as {label}, right at a share of {ELDER_SHARE:.0%}": right_at(
                right, kept & (said == index), faces.elder, found
            )
            for index, label in enumerate(LABELS)
        },
        "kept, elder women": share(right[kept & faces.elder & faces.female]),
    }


def easy_screen(predictions: Predictions, elder_from: float | None) -> Mask:
    """Where the easy screen turns; by the label, of at least UNSURE_BELOW, without a threshold. False if not found."""
    with np.errstate(invalid="ignore"):
        if elder_from is None:
            return np.asarray((predictions.elder > 0.5) & (predictions.confidence >= UNSURE_BELOW))
        return np.asarray(predictions.elder >= elder_from)


def precision_at(told: Mask, elder: Mask, elder_share: float = ELDER_SHARE) -> float | None:
    """The share of elders among those told elder, if `elder_share` of the people were elders."""
    if not elder.any() or elder.all():
        return None
    hit, false = told[elder].mean() * elder_share, told[~elder].mean() * (1 - elder_share)
    return round(float(hit / (hit + false)), 3) if hit + false else None


def right_at(right: Mask, kept: Mask, elder: Mask, found: Mask, elder_share: float = ELDER_SHARE) -> float | None:
    """The share of right labels among the `kept`, if `elder_share` of the people `found` were elders."""
    elders, adults = found & elder, found & ~elder
    if not kept.any() or not elders.any() or not adults.any():
        return None
    weight = np.where(elder, elder_share / elders.sum(), (1 - elder_share) / adults.sum())
    return round(float(weight[kept & right].sum() / weight[kept].sum()), 3)


def groups(faces: Faces) -> Iterator[tuple[str, Mask]]:
    """Age group and gender, elders first."""
    for age_group in ("elder", "adult", "teen", "child"):
        grown = age_group in ("elder", "adult")
        for name, female in (("women" if grown else "girls", True), ("men" if grown else "boys", False)):
            yield f"{age_group} {name}", (faces.age_group == age_group) & (faces.female == female)


def by_group(faces: Faces, predictions: Predictions, part: Mask, *, elder_from: float) -> dict[str, Any]:
    """What a customer of each group meets: found, easy screen, right label, kept and right at the gate."""
    right = predictions.labels() == label_index(faces.elder, faces.female)
    easy = easy_screen(predictions, elder_from)
    rows = {}
    for name, group in groups(faces):
        here = part & group
        found = here & faces.found
        kept = found & (predictions.confidence >= DEFAULT_GATE)
        rows[name] = {
            "found": share(faces.found[here]),
            "easy screen": share(easy[here]),
            "right label": share(right[found]),
            "kept": share(kept[found]),
            "kept, right": share(right[kept]),
        }
    return rows


def by_origin(faces: Faces, predictions: Predictions, part: Mask, *, elder_from: float) -> dict[str, Any]:
    """The same questions by origin and gender of grown-ups, where the origin is known."""
    right = predictions.labels() == label_index(faces.elder, faces.female)
    easy = easy_screen(predictions, elder_from)
    grown = part & faces.known_age & (faces.elder | (faces.age_group == "adult"))
    rows = {}
    for origin in sorted(set(faces.origin[grown]) - {""}):
        for name, female in (("women", True), ("men", False)):
            here = grown & (faces.origin == origin) & (faces.female == female)
            rows[f"{origin.replace('_', ' ')}, {name}"] = {
                "right label": share(right[here & faces.found]),
                "easy screen, elders": share(easy[here & faces.elder]),
                "easy screen, adults": share(easy[here & ~faces.elder]),
            }
    return rows


def curve(faces: Faces, predictions: Predictions, part: Mask) -> list[dict[str, Any]]:
    """The easy screen at each threshold: elders who see it, adults who see it."""
    part = part & faces.known_age & (faces.elder | (faces.age_group == "adult"))
    return [
        {
            "elder_from": threshold,
            "elders": share(easy_screen(predictions, threshold)[part & faces.elder]),
            "adults": share(easy_screen(predictions, threshold)[part & ~faces.elder]),
        }
        for threshold in THRESHOLDS
    ]


def reliability(confidence: Column, right: Mask) -> list[dict[str, Any]]:
    """The share of right answers by confidence, of the faces found."""
    rows = []
    for low, high in pairwise(BINS):
        part = (confidence >= low) & ((confidence < high) | (high == BINS[-1]))
        if part.any():
            rows.append(
                {"from": low, "to": high, "said": round(float(confidence[part].mean()), 3), **share(right[part])}
            )
    return rows
