"""The figures of heads: macro F1 or mean absolute error, calibration error, by group, with bootstrap intervals.

The draws are of persons or animals, not of photos: four photos of one person are one piece of evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration
from retrain.heads.examples import Floats
from retrain.judge.figures import calibration_of

DRAWS: Final = 300
LEAST_IN_BIN: Final = 25
TAILS: Final = (2.5, 97.5)
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said about n examples of one question. `said` and `truth` index `values`; `score` is uncalibrated."""

    values: tuple[str, ...]
    said: NDArray[np.intp]
    truth: NDArray[np.intp]
    score: Floats
    groups: NDArray[Any]  # which person or animal each shows


def figures_of(answered: Answered, calibration: BetaCalibration, parts: Mapping[str, Flags]) -> dict[str, Any]:
    """The figures of a question. `parts`: groups of examples by name, as `gender = female`, that get their own rows."""
    confidence = np.array([calibration(float(score)) for score in answered.score])
    right = answered.said == answered.truth
    error, _ = calibration_of(confidence, right, min_in_bin=LEAST_IN_BIN)
    return {
        **_row(answered, np.ones(len(right), bool)),
        "calibration_error": round(error, 4),
        "by_value": {value: _of_value(answered, number) for number, value in enumerate(answered.values)},
        "by_group": {name: _row(answered, part) for name, part in parts.items() if part.any()},
        "confusion": _confusion(answered),
    }


def score_figures(
    said: Floats, truth: Floats, inside: Flags, groups: NDArray[Any], parts: Mapping[str, Flags]
) -> dict[str, Any]:
    """The figures of a score: mean absolute error, and the share of true scores that are inside their intervals.

    `inside`: of each example. `parts`: as of `figures_of`.
    """
    errors = np.abs(said - truth)

    def row(part: Flags) -> dict[str, Any]:
        some = errors[part]
        return {
            "count": len(some),
            "groups": len(set(groups[part])),
            "mae": round(float(some.mean()), 4),
            "interval": _interval(lambda rows: float(some[rows].mean()), groups[part]),
            "inside": round(float(inside[part].mean()), 4),
        }

    return {
        **row(np.ones(len(errors), bool)),
        "mae_of_the_mean": round(float(np.abs(truth - truth.mean()).mean()), 4),
        "by_group": {name: row(part) for name, part in parts.items() if part.any()},
    }


def macro_f1(said: NDArray[np.intp], truth: NDArray[np.intp], count: int) -> float:
    """The mean F1 of the values that occur; 0-1."""
    hits = np.bincount(truth[said == truth], minlength=count)
    both = np.bincount(said, minlength=count) + np.bincount(truth, minlength=count)
    occurs = np.bincount(truth, minlength=count) > 0
    return float((2 * hits[occurs] / both[occurs]).mean()) if occurs.any() else 0.0


def _row(answered: Answered, part: Flags) -> dict[str, Any]:
    said, truth, count = answered.said[part], answered.truth[part], len(answered.values)
    return {
        "count": int(part.sum()),
        "groups": len(set(answered.groups[part])),
        "right": int((said == truth).sum()),
        "macro_f1": round(macro_f1(said, truth, count), 4),
        "interval": _interval(lambda rows: macro_f1(said[rows], truth[rows], count), answered.groups[part]),
    }


def _of_value(answered: Answered, number: int) -> dict[str, int]:
    is_it, said_it = answered.truth == number, answered.said == number
    return {"count": int(is_it.sum()), "said": int(said_it.sum()), "right": int((is_it & said_it).sum())}


def _confusion(answered: Answered) -> list[list[int]]:
    """Rows are true values, columns said ones."""
    count = len(answered.values)
    cells = np.bincount(answered.truth * count + answered.said, minlength=count * count)
    rows: list[list[int]] = cells.reshape(count, count).tolist()
    return rows


def _interval(figure: Callable[[NDArray[np.intp]], float], groups: NDArray[Any]) -> list[float]:
    """The 95 % interval by bootstrap over groups."""
    rng = np.random.default_rng(1)
    names, places = np.unique(groups, return_inverse=True)
    members: Sequence[NDArray[np.intp]] = [np.flatnonzero(places == number) for number in range(len(names))]
    drawn = [
        figure(np.concatenate([members[each] for each in rng.integers(len(names), size=len(names))]))
        for _ in range(DRAWS)
    ]
    return [round(float(end), 4) for end in np.percentile(drawn, TAILS)]
