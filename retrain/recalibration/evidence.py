"""The evidence of checked people: their log-odds by the shipped calibration, and what a last layer makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recipes.kiosk.labels import LABELS
from retrain.errors import RecalibrationFailed
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import Floats, served
from retrain.judge.metrics import Estimate
from retrain.judge.predictions import PredictedPerson, Prediction
from retrain.recalibration.figures import Answered, log_losses
from retrain.recalibration.fit import Example, out_of_fold
from retrain.recalibration.last_layer import LastLayer, confidences_of


def examples_of(photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction]) -> list[Example]:
    """Every box of the predictions, which have log-odds, with the label of the person whom it matches."""
    matched = served(photos, predictions, LABELS)
    boxes = [box for prediction in predictions for box in sorted(prediction.people, key=lambda box: -box.confidence)]
    return [
        Example(photos[photo].moment, *_log_odds(box), LABELS[truth] if truth >= 0 else None)
        for box, photo, truth in zip(boxes, matched.photo, matched.truth, strict=True)
    ]


def answered_by(
    layers: Sequence[LastLayer], examples: Sequence[Example], shipped: Mapping[str, Any], photo: Sequence[int]
) -> Answered:
    """What each layer serves for its example; `photo` is the place of each example's photo among the draws."""
    formulas = confidences_of(shipped)
    labels = [layer.label(each.elder, each.female, formulas) for layer, each in zip(layers, examples, strict=True)]
    return Answered(
        photo=np.asarray(photo, dtype=np.intp),
        truth=np.array([-1 if each.truth is None else each.truth.yolo_class for each in examples], dtype=np.intp),
        said=np.array([label.label.yolo_class for label in labels], dtype=np.intp),
        confidence=np.array([label.confidence for label in labels], dtype=np.float64),
        elder=np.array([label.answers.elder for label in labels], dtype=np.float64),
        female=np.array([label.answers.female for label in labels], dtype=np.float64),
    )


def gain_out_of_fold(
    photos: Sequence[GoldenPhoto],
    examples: Sequence[Example],
    shipped: Mapping[str, Any],
    *,
    draws: Floats,
    elder_weight: float = 1.0,
) -> Estimate:
    """By how much fits without a person's moment lower the log loss of the shipped calibration, nats a person.

    `draws` is of the photos.
    """
    place_of = {photo.moment: place for place, photo in enumerate(photos)}  # photos of a moment are drawn together
    places = [place_of[example.moment] for example in examples]

    def total(layers: Sequence[LastLayer]) -> Floats:
        losses = log_losses(answered_by(layers, examples, shipped, places), draws, elder_weight=elder_weight)
        return np.asarray(sum(losses.values()))

    fitted = out_of_fold(examples, shipped, elder_weight=elder_weight)
    return Estimate.of(total([LastLayer()] * len(examples)) - total(fitted))


def _log_odds(box: PredictedPerson) -> tuple[float, float]:
    if box.log_odds is None:
        raise RecalibrationFailed(
            "the prediction process gave no log-odds; nothing was changed. Check that all code is of one version"
        )
    return box.log_odds
