"""What a model of heads says about photos, by the worker's own code in a subprocess: see `worker.models.predict`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.boxes import Corners
from contracts.messages import Model
from contracts.weights import DAY_0
from recipes.reading import from_anywhere
from retrain.judge.predictions import PHOTO_S, START_S, predict_with
from retrain.progress import Say, silent


@dataclass(frozen=True, slots=True)
class HeadSaid:
    """What one head says: a value with score and confidence, 0-1; or a number in an interval, whose `value` is None."""

    value: str | None
    confidence: float
    number: float = 0.0
    score: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class PredictedSubject:
    """A subject that a model found, and what every head says about it, in the order of the recipe."""

    box: Corners
    heads: tuple[HeadSaid, ...]


@dataclass(frozen=True, slots=True)
class PredictedPhoto:
    """The subjects of a photo, predicted in `ms` milliseconds; or `error`, why there are none."""

    path: Path
    ms: float = 0.0
    subjects: tuple[PredictedSubject, ...] = ()
    error: str | None = None


def predict(
    recipe: str, manifest: Path | None, photos: Sequence[Path], *, python: str = sys.executable, say: Say = silent
) -> list[PredictedPhoto]:
    """What the model of a manifest, None for that of day 0, says about each photo; JudgementFailed if it fails."""
    name = DAY_0 if manifest is None else str(manifest.absolute())
    command = [python, "-m", "worker.models.predict", "--manifest", name, "--recipe", from_anywhere(recipe)]
    return predict_with(command, name, photos, _photo, timeout_s=START_S + PHOTO_S * len(photos), say=say)


def _photo(fields: dict[str, Any], path: Path, model: Model | None, raw: bool) -> PredictedPhoto:  # noqa: ARG001 - heads have no raw answers
    if "error" in fields:
        return PredictedPhoto(path, error=str(fields["error"]))
    subjects = []
    for subject in fields["subjects"]:
        x0, y0, x1, y1 = map(float, subject["box"])
        subjects.append(PredictedSubject((x0, y0, x1, y1), tuple(_said(head) for head in subject["heads"])))
    return PredictedPhoto(path, float(fields["ms"]), tuple(subjects))


def _said(head: dict[str, Any]) -> HeadSaid:
    if "confidence" in head:
        return HeadSaid(str(head["value"]), float(head["confidence"]), score=float(head["score"]))
    return HeadSaid(None, 0.0, number=float(head["value"]), low=float(head["low"]), high=float(head["high"]))
