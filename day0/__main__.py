"""Fit, measure, write: the manifest, `report.json`, and the figures of `docs/model-card.md`.

    python -m day0 --data PORTRAITS

Takes ten minutes on two cores the first time, one minute from the cache.
The test split is read only after the choice is made.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from day0 import card, finding, recipe
from day0.fit import Answers, Faces, Mask, answer, fit
from day0.looks import look_at
from day0.measure import figures, log_loss, raw_answers, share
from day0.photos import VARIANTS, read_photos
from day0.recipe import Choice
from worker.models.calibration import Calibration, Column
from worker.models.loading import DEFAULT_MANIFEST
from worker.models.manifests import read_manifest

REPORT = Path(__file__).parent / "report.json"


def main() -> None:
    """Everything, in order."""
    parser = argparse.ArgumentParser(prog="python -m day0", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv and photos/")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nunchi-looks.npz")
    arguments = parser.parse_args()
    photos = read_photos(arguments.data)
    looks = look_at(photos, arguments.cache)
    faces = Faces.of(photos, looks)

    tried = {name: tried_out(faces, choice) for name, choice in recipe.CHOICES.items()}
    chosen = min(tried, key=lambda name: sum(tried[name].values()))
    calibration, held_out = fit(faces, recipe.CHOICES[chosen])
    recipe.write_manifest(DEFAULT_MANIFEST, calibration)

    answers = answer(faces, {name: calibration[name] for name in ("elder", "female")})
    fitted = Calibration.from_fields(calibration)
    clean, train = faces.variant == 0, faces.split == "train"
    everybody = Answers(*(np.where(train, a, b) for a, b in zip(held_out.both(), answers.both(), strict=True)))
    model = recipe.cascade(fitted)
    raw, raw_confidence = raw_answers(looks.evidence)
    report = {
        "model": {
            "name": recipe.NAME,
            "version": recipe.VERSION,
            "digest": read_manifest(DEFAULT_MANIFEST).model.digest,
        },
        "choices": {"tried": tried, "chosen": chosen},
        "calibration": calibration,
        "train, people left out": measured(faces, held_out, fitted, train & clean),
        "val": measured(faces, answers, fitted, (faces.split == "val") & clean),
        "test": measured(faces, answers, fitted, (faces.split == "test") & clean),
        "test, poorer photos": measured(faces, answers, fitted, (faces.split == "test") & ~clean),
        "everybody, left out": measured(faces, everybody, fitted, clean),
        "everybody, poorer photos": measured(faces, everybody, fitted, ~clean),
        "test, raw softmax": figures(faces, raw, raw_confidence, (faces.split == "test") & clean),
        "everybody, raw softmax": figures(faces, raw, raw_confidence, clean),
        "members of Parliament, test": parliament(faces, answers, fitted),
        "found by source": finding.found_by_source(photos, looks),
        "found by size": finding.found_by_size(model, photos),
        "speed": finding.speed(model, next(photo for photo in photos if photo.source == "us_congress_gpo")),
        "memory": finding.memory(),
        "variants": list(VARIANTS),
    }
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    card.write(report)
    print(f"wrote {DEFAULT_MANIFEST}, {REPORT} and {card.CARD}")


def tried_out(faces: Faces, choice: Choice) -> dict[str, float]:
    """Log loss of a choice, nats: on train with the person left out, and on val."""
    calibration, held_out = fit(faces, choice)
    answers = answer(faces, {name: calibration[name] for name in ("elder", "female")})
    return {
        "train, people left out": log_loss(faces, held_out, faces.split == "train"),
        "val": log_loss(faces, answers, faces.split == "val"),
    }


def measured(faces: Faces, answers: Answers, fitted: Calibration, part: Mask) -> dict[str, Any]:
    """The figures of calibrated answers."""
    return figures(faces, answers, fitted.sure(answers.elder, answers.female), part)


def parliament(faces: Faces, answers: Answers, fitted: Calibration) -> dict[str, Any]:
    """The members of Parliament, whose ages nobody told us: gender, the share kept, the share called elder."""
    part = (faces.source == "uk_mps_2017") & (faces.split == "test") & (faces.variant == 0)
    confidence: Column = fitted.sure(answers.elder, answers.female)[part]
    return {
        "gender right": share(((answers.female > 0.5) == faces.female)[part]),
        "kept": share(confidence >= 0.95),
        "called elder": share(np.asarray(answers.elder > 0.5)[part]),
    }


if __name__ == "__main__":
    main()
