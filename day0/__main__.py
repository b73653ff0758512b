"""Fits the day-0 model, evaluates it, and writes its manifest, `report.json`, and the figures of `docs/model-card.md`.

    python -m day0 --data PORTRAITS

Takes ten minutes on two cores the first time, one minute from the cache.
The test split is used only after the choice.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from day0 import card, detection, recipe
from day0.evidence import extract
from day0.fit import Faces, Mask, Predictions, fit, predict
from day0.measure import figures, log_loss, share, softmax_predictions
from day0.photos import VARIANTS, read_photos
from day0.recipe import Choice
from worker.models.calibration import Calibration, Column
from worker.models.loading import DEFAULT_MANIFEST
from worker.models.manifests import read_manifest

REPORT = Path(__file__).parent / "report.json"


def main() -> None:
    """Run every step."""
    parser = argparse.ArgumentParser(prog="python -m day0", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv and photos/")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nunchi-evidence.npz")
    arguments = parser.parse_args()
    photos = read_photos(arguments.data)
    extracted = extract(photos, arguments.cache)
    faces = Faces.of(photos, extracted)

    losses = {name: losses_of(faces, choice) for name, choice in recipe.CHOICES.items()}
    chosen = min(losses, key=lambda name: sum(losses[name].values()))
    calibration, held_out = fit(faces, recipe.CHOICES[chosen])
    recipe.write_manifest(DEFAULT_MANIFEST, calibration)

    predictions = predict(faces, calibration)
    fitted = Calibration.from_fields(calibration)
    clean, train = faces.variant == 0, faces.split == "train"
    everybody = Predictions(
        np.where(train, held_out.elder, predictions.elder), np.where(train, held_out.female, predictions.female)
    )
    model = recipe.cascade(fitted)
    raw, raw_confidence = softmax_predictions(extracted.evidence)
    report = {
        "model": asdict(read_manifest(DEFAULT_MANIFEST).model),
        "choices": {"tried": losses, "chosen": chosen},
        "calibration": calibration,
        "train, people left out": measured(faces, held_out, fitted, train & clean),
        "val": measured(faces, predictions, fitted, (faces.split == "val") & clean),
        "test": measured(faces, predictions, fitted, (faces.split == "test") & clean),
        "test, poorer photos": measured(faces, predictions, fitted, (faces.split == "test") & ~clean),
        "everybody, left out": measured(faces, everybody, fitted, clean),
        "everybody, poorer photos": measured(faces, everybody, fitted, ~clean),
        "test, raw softmax": figures(faces, raw, raw_confidence, (faces.split == "test") & clean),
        "everybody, raw softmax": figures(faces, raw, raw_confidence, clean),
        "members of Parliament, test": parliament(faces, predictions, fitted),
        "found by source": detection.found_by_source(photos, extracted),
        "found by size": detection.found_by_size(model, photos),
        "speed": detection.speed(model, next(photo for photo in photos if photo.source == "us_congress_gpo")),
        "memory": detection.memory(),
        "variants": list(VARIANTS),
    }
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    card.write(report)
    print(f"wrote {DEFAULT_MANIFEST}, {REPORT} and {card.CARD}")


def losses_of(faces: Faces, choice: Choice) -> dict[str, float]:
    """Log loss of a choice, nats: on train with the person left out, and on val."""
    calibration, held_out = fit(faces, choice)
    return {
        "train, people left out": log_loss(faces, held_out, faces.split == "train"),
        "val": log_loss(faces, predict(faces, calibration), faces.split == "val"),
    }


def measured(faces: Faces, predictions: Predictions, fitted: Calibration, part: Mask) -> dict[str, Any]:
    """The figures of calibrated predictions."""
    return figures(faces, predictions, fitted.confidences(predictions.elder, predictions.female), part)


def parliament(faces: Faces, predictions: Predictions, fitted: Calibration) -> dict[str, Any]:
    """The members of Parliament, whose ages are unknown: gender, the share kept, the share labelled elder."""
    part = (faces.source == "uk_mps_2017") & (faces.split == "test") & (faces.variant == 0)
    confidence: Column = fitted.confidences(predictions.elder, predictions.female)[part]
    return {
        "gender right": share(((predictions.female > 0.5) == faces.female)[part]),
        "kept": share(confidence >= 0.95),
        "called elder": share(np.asarray(predictions.elder > 0.5)[part]),
    }


if __name__ == "__main__":
    main()
