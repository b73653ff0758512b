"""The calibration of day 0 carries its assumptions in its weights, and fits what it is given."""

from __future__ import annotations

import numpy as np
import pytest

from day0.conditions import AS_IT_IS, CONDITIONS
from day0.fit import ADULT_SHARES, CHOICES, ELDER_SHARES, fit, label_index, predict, weights
from recipes.kiosk.labels import LABELS
from tests.day0.faces import faces
from worker.kiosk.calibration import Calibration

SIMPLE = CHOICES["one feature each"]


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_weights_hold_the_assumed_shares_whatever_the_photos_are(share: float) -> None:
    """Of elders, of decades, of women, of photos as they are."""
    some = faces(4)
    part = np.ones(len(some.elder), bool)
    part[some.female & (some.band == 3)] = np.arange((some.female & (some.band == 3)).sum()) % 2 == 0
    weight = weights(some, part, share)
    assert weight[~part].sum() == 0
    assert weight[some.elder].sum() / weight.sum() == pytest.approx(share)
    assert weight[some.female].sum() / weight.sum() == pytest.approx(0.5)
    assert weight[some.condition == AS_IT_IS].sum() / weight.sum() == pytest.approx(0.4)
    decades = {
        decade: weight[some.band == decade].sum() / weight[some.elder == (decade > 5)].sum() for decade in range(2, 8)
    }
    assert decades == pytest.approx({**ADULT_SHARES, **ELDER_SHARES})


def test_a_larger_share_of_elders_raises_every_probability_of_an_elder() -> None:
    """The share is an assumption: it moves the border, not the order."""
    some = faces(30)
    part = np.ones(len(some.elder), bool)
    fields, _ = fit(some, SIMPLE, part)
    few = {**fields, "elder": {**fields["elder"], "bias": fields["elder"]["bias"] - 1}}
    assert np.all(predict(some, few).elder < predict(some, fields).elder)


def test_a_person_is_never_predicted_by_a_fit_that_saw_them() -> None:
    """Held-out predictions differ from those of the fit to everybody, for every person in all conditions."""
    some = faces(30)
    part = np.ones(len(some.elder), bool)
    fields, held_out = fit(some, SIMPLE, part)
    differs = held_out.elder != predict(some, fields).elder
    assert np.all(differs)


def test_fitted_confidences_are_right_as_often_as_they_say() -> None:
    """On new people of the same kind, over all labels, in a queue with the assumed shares."""
    fields, _ = fit(faces(60), SIMPLE, np.ones(60 * 12 * len(CONDITIONS), bool))
    new = faces(60, seed=1)
    predictions = predict(new, fields)
    right = predictions.labels() == label_index(new.elder, new.female)
    weight = weights(new, np.ones(len(right), bool))
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.0)):
        here = (predictions.confidence >= low) & (predictions.confidence < high)
        said = np.average(predictions.confidence[here], weights=weight[here])
        assert np.average(right[here], weights=weight[here]) == pytest.approx(said, abs=0.1)


def test_what_the_fit_writes_is_what_the_worker_reads() -> None:
    """The same probabilities and labels from the manifest's fields."""
    some = faces(30)
    fields, _ = fit(some, SIMPLE, np.ones(len(some.elder), bool))
    served = Calibration.from_fields(fields)
    predictions = predict(some, fields)
    for row in range(0, len(some.elder), 97):
        label = served.label(float(predictions.elder[row]), float(predictions.female[row]))
        assert label.label is LABELS[predictions.labels()[row]]
        assert label.confidence == pytest.approx(
            predictions.confidence[row], abs=0.003
        )  # an answer has four decimals, and a limit
