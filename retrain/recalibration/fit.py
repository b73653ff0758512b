"""The most likely last layer of checked people, with the shipped calibration as its prior (maximum a posteriori).

Each number has a normal prior around the shipped value: without people it is the result, with hundreds it fades. The
priors are set by reasoning, not by a search, because the photos that would choose them are those that judge.

- SHIFT, SCALE: a deviation of half a nat, and of a quarter of the scale. A face near the border holds 0.25 nats^-2 of
  information about a shift, one that the model is sure of next to none, 0.1 on average: the prior weighs as 40 people.
- LABEL_SHIFT: a deviation of 0.16 nats, as in the fit of the shipped calibration (`day0.fit.PRIOR`). Few people get an
  elder label, so it moves last, and little.

The people must be chosen by what the model answered, as `review export` does, not by what they are: the fit is of
P(answer right | log-odds), which such a choice does not bias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from contracts.formulas.draws import stable_draw
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.two_questions import likeliest_score
from retrain.recalibration.last_layer import LastLayer, Line, confidences_of

Floats = NDArray[np.float64]

SHIFT: Final = 0.5  # nats, standard deviation of the prior; of age, gender and the common confidence
SCALE: Final = 0.25  # the same of a scale, around 1
LABEL_SHIFT: Final = 40**-0.5  # nats
MIN_SCALE: Final = 0.1  # a scale of 0 or below would answer the opposite of the networks
FOLDS: Final = 5


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """A found face: the shipped log-odds of its two answers, nats, and the label that a person gave it.

    `truth` is None for a box where people see nobody. Faces of one `moment` are in one fold: they may be one person.
    """

    moment: str
    elder: float
    female: float
    truth: Label | None


def fit(examples: Sequence[Example], shipped: Mapping[str, Any], *, elder_weight: float = 1.0) -> LastLayer:
    """The last layer of the people in `examples`, whatever their order.

    `shipped` is the calibration in the manifest. `elder_weight`: how much an elder counts in the fit of the age, where
    an adult counts 1; see `weight_of_elders`. The confidence is fitted on answers that leave the face's moment out,
    because on its own faces a fit looks better than it is.
    """
    ordered = sorted(examples, key=_key)
    elder, female = _lines(ordered, elder_weight)
    probabilities = np.full((len(ordered), 2), np.nan)
    for kept, held in folds(ordered):
        line_elder, line_female = _lines([ordered[place] for place in kept], elder_weight)
        for place in held:
            probabilities[place] = (
                line_elder.probability(ordered[place].elder),
                line_female.probability(ordered[place].female),
            )
    common, by_label = _confidence_shifts(ordered, probabilities, shipped)
    return LastLayer(elder, female, common, by_label).rounded()


def out_of_fold(
    examples: Sequence[Example], shipped: Mapping[str, Any], *, elder_weight: float = 1.0
) -> list[LastLayer]:
    """For each example the last layer of a fit without the fold of its moment."""
    layers = [LastLayer()] * len(examples)
    for kept, held in folds(examples):
        layer = fit([examples[place] for place in kept], shipped, elder_weight=elder_weight)
        for place in held:
            layers[place] = layer
    return layers


def folds(examples: Sequence[Example]) -> list[tuple[list[int], list[int]]]:
    """Places to fit on and places held out, of each fold that holds any. The moment's name decides, not the order."""
    fold = [int(FOLDS * stable_draw("recalibration", example.moment)) for example in examples]
    return [
        (
            [place for place, other in enumerate(fold) if other != held],
            [place for place in range(len(fold)) if fold[place] == held],
        )
        for held in sorted(set(fold))
    ]


def weight_of_elders(elder_share: float, assumed: float) -> float:
    """How much an elder counts, where an adult counts 1, so that the fit is that of another share of elders.

    `elder_share` is the share among the customers, `assumed` the one in the manifest, for which the screen's threshold
    was chosen. 1 if they are equal. Elkan, The foundations of cost-sensitive learning, IJCAI 2001, theorem 1.
    """
    return assumed / (1 - assumed) * (1 - elder_share) / elder_share


def _key(example: Example) -> tuple[str, float, float, str]:
    return example.moment, example.elder, example.female, example.truth or ""


def _lines(examples: Sequence[Example], elder_weight: float) -> tuple[Line, Line]:
    known = [(example, example.truth) for example in examples if example.truth is not None]
    old = np.array([truth.elder for _, truth in known], dtype=bool)
    women = np.array([truth.female for _, truth in known], dtype=bool)
    age = _line(np.array([example.elder for example, _ in known]), old, np.where(old, elder_weight, 1.0))
    gender = _line(np.array([example.female for example, _ in known]), women, np.ones(len(known)))
    return age, gender


def _line(log_odds: Floats, yes: NDArray[np.bool_], weight: Floats) -> Line:
    """The most likely shift and scale."""
    if len(weight):
        # As many as that number of equal people say (Kish's effective sample size): the prior is counted in people.
        weight = weight * weight.sum() / (weight**2).sum()

    def loss(numbers: Floats) -> tuple[float, Floats]:
        shift, scale = numbers
        x = shift + scale * log_odds
        off = weight * (_sigmoid(x) - yes)
        value = float(weight @ np.logaddexp(0, np.where(yes, -x, x)))
        value += 0.5 * (shift / SHIFT) ** 2 + 0.5 * ((scale - 1) / SCALE) ** 2
        return value, np.array([off.sum() + shift / SHIFT**2, off @ log_odds + (scale - 1) / SCALE**2])

    shift, scale = _least(loss, np.array([0.0, 1.0]), [(None, None), (MIN_SCALE, None)])
    return Line(shift, scale)


def _confidence_shifts(
    examples: Sequence[Example], probabilities: Floats, shipped: Mapping[str, Any]
) -> tuple[float, tuple[float, ...]]:
    """The most likely common shift of the confidence, and that of each label."""
    formulas = confidences_of(shipped)
    said = [Label.of(elder=bool(elder > 0.5), female=bool(female > 0.5)) for elder, female in probabilities]
    scores = [likeliest_score(elder, female) for elder, female in probabilities.tolist()]
    x = np.array([formulas[label.yolo_class].logit(score) for label, score in zip(said, scores, strict=True)])
    right = np.array([example.truth is label for example, label in zip(examples, said, strict=True)], dtype=bool)
    place = np.array([label.yolo_class for label in said], dtype=np.intp)
    spread = np.array([SHIFT, *[LABEL_SHIFT] * len(LABELS)])

    def loss(shifts: Floats) -> tuple[float, Floats]:
        moved = x + shifts[0] + shifts[1:][place]
        off = _sigmoid(moved) - right
        slope = np.concatenate([[off.sum()], np.bincount(place, off, len(LABELS))])
        value = float(np.logaddexp(0, np.where(right, -moved, moved)).sum() + 0.5 * ((shifts / spread) ** 2).sum())
        return value, slope + shifts / spread**2

    common, *by_label = _least(loss, np.zeros(1 + len(LABELS)), None)
    return common, tuple(by_label)


def _least(
    loss: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    bounds: list[tuple[float | None, float | None]] | None,
) -> list[float]:
    """Where a convex loss, given with its gradient, is least."""
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return [float(number) for number in found.x]


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))
