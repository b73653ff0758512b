"""The last layer: its numbers in a manifest, and the worker's own calibration from them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recipes.kiosk.labels import LABELS
from retrain.recalibration.last_layer import LastLayer, Line, confidences_of
from tests.retrain.recalibration.shops import SHIPPED
from worker.kiosk.calibration import Calibration
from worker.models.day_0 import DEFAULT_MANIFEST

DAY_0 = json.loads(DEFAULT_MANIFEST.read_bytes())["calibration"]
LAYER = LastLayer(Line(0.4, 0.8), Line(-0.2, 1.1), -0.3, (0.1, 0.0, -0.1, 0.05))


def test_a_layer_without_a_change_leaves_the_shipped_calibration_as_it_is() -> None:
    """Of day 0, to the byte of its numbers."""
    assert LastLayer().applied(DAY_0) == DAY_0


def test_every_label_gets_a_formula_of_its_own() -> None:
    moved = LAYER.applied(SHIPPED)
    assert {label: fields["bias"] for label, fields in moved["by_label"].items()} == {
        "elder_male": pytest.approx(-0.75 - 0.3 + 0.1),
        "elder_female": pytest.approx(-0.5 - 0.3),
        "adult_male": pytest.approx(-0.5 - 0.3 - 0.1),
        "adult_female": pytest.approx(-0.5 - 0.3 + 0.05),
    }
    assert moved["elder"] == {"bias": 0.88, "weights": {"older_than_60": 0.72}}


def test_what_the_fit_computes_is_what_the_worker_serves() -> None:
    """From the same logits: the layer on shipped log-odds, and the worker with the moved manifest."""
    logits = np.random.default_rng(0).normal(0, 3, (200, 2, 10)).astype(np.float32)
    served = Calibration.from_fields(LAYER.applied(DAY_0)).labels(logits)
    elder, female = Calibration.from_fields(DAY_0).log_odds(logits)
    computed = [
        LAYER.label(float(one), float(other), confidences_of(DAY_0)) for one, other in zip(elder, female, strict=True)
    ]
    assert [each.label for each in computed] == [each.label for each in served]
    assert {each.label for each in served} == set(LABELS)
    assert [each.confidence for each in computed] == pytest.approx([each.confidence for each in served], abs=1e-3)
    assert [each.answers.elder for each in computed] == pytest.approx([each.answers.elder for each in served], abs=1e-3)
