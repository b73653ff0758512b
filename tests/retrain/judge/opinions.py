"""A golden folder without pixels, and fake models that predict its people by a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.boxes import Box, LabelledBox
from contracts.messages import Model
from contracts.names import Reference, new_image_id
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import stem
from retrain.judge.judgement import MakePredictor
from retrain.judge.predictions import Predict, PredictedPerson, Prediction

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOX: Final = Box(0.3, 0.2, 0.6, 0.7)
CANDIDATE: Final = Path("candidate.json")
WRONG: Final[Mapping[Label, Label]] = {label: LABELS[3 - place] for place, label in enumerate(LABELS)}

Opinion = Callable[[int, Label], list[PredictedPerson]]  # of the photo of that number, which shows that one person


def golden(
    folder: Path, photos: int, *, labels: Sequence[Label] = LABELS, apart: timedelta = timedelta(minutes=2)
) -> Path:
    """A dataset's folder: one person a photo, the labels in turn; two minutes `apart`, each is a moment of its own."""
    for kind in ("images", "labels"):
        (folder / kind / "golden").mkdir(parents=True)
    for number in range(photos):
        taken = NOON + number * apart
        name = stem(Reference("k1", new_image_id(taken, number.to_bytes(10))))
        (folder / f"images/golden/{name}.jpg").touch()
        (folder / f"labels/golden/{name}.txt").write_text(
            format_labels([LabelledBox(labels[number % len(labels)], BOX)], LABELS)
        )
    return folder


def seen(label: Label, confidence: float = 0.9) -> list[PredictedPerson]:
    """The person, at their place."""
    return [PredictedPerson(label, confidence, BOX.corners)]


def wrong_about(every: int, *, of: Sequence[Label] = LABELS, sure: float = 0.9, doubting: float = 0.6) -> Opinion:
    """Wrong, with less confidence, about one in `every` people of those labels; right about all others."""

    def opinion(number: int, label: Label) -> list[PredictedPerson]:
        errs = label in of and (number // len(LABELS)) % every == 0
        # No two confidences are equal, so that the order is determined.
        return seen(WRONG[label] if errs else label, (doubting if errs else sure) + number * 1e-5)

    return opinion


def model(version: str, opinion: Opinion, *, ms: float = 10.0, raw: bool = True) -> Callable[[bool], Predict]:
    """A model with these predictions and this time."""

    def make(want_raw: bool) -> Predict:
        def predict(paths: Sequence[Path]) -> list[Prediction]:
            order = {path: place for place, path in enumerate(sorted(paths[0].parent.glob("*.jpg")))}
            return [
                Prediction(
                    path,
                    ms,
                    tuple(opinion(order[path], LABELS[order[path] % len(LABELS)])),
                    model=Model("yolov5n" if raw else "cascade", version, "d" * 64),
                    raw=raw and want_raw,
                )
                for path in paths
            ]

        return predict

    return make


def asking(candidate: Callable[[bool], Predict], incumbent: Callable[[bool], Predict]) -> MakePredictor:
    """The candidate for the manifest CANDIDATE, the incumbent for any other."""
    return lambda manifest, raw: (candidate if manifest == CANDIDATE else incumbent)(raw)
