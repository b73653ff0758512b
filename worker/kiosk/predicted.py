"""What `worker.models.predict` writes about the people whom a detector finds in a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from recipes.kiosk.labels import LABELS
from recipes.kiosk.message import Person
from worker.kiosk.cascade import Cascade
from worker.kiosk.yolo import Yolo
from worker.models.detector import Image, ImageModel

Predict = Callable[[Image], list[dict[str, Any]]]


def has_raw_boxes(detector: ImageModel) -> bool:
    """Whether it has the boxes that mAP is measured on."""
    return isinstance(detector, Yolo)


def people_in(detector: ImageModel, *, raw: bool, log_odds: bool) -> Predict:
    """The people in a photo as JSON. `raw`, `log_odds`: as the options of `worker.models.predict`."""
    if raw and isinstance(detector, Yolo):
        return _raw_predictions(detector)
    if log_odds and isinstance(detector, Cascade):
        return _with_log_odds(detector)
    return _as_served(detector)


def _as_served(detector: ImageModel) -> Predict:
    def predict(image: Image) -> list[dict[str, Any]]:
        [people] = detector.detect([image])
        return [_served(person) for person in people]

    return predict


def _with_log_odds(cascade: Cascade) -> Predict:
    def predict(image: Image) -> list[dict[str, Any]]:
        [people] = cascade.detect_with_log_odds([image])
        return [
            _served(seen.person) | {"log_odds": {"elder": round(seen.elder, 4), "female": round(seen.female, 4)}}
            for seen in people
        ]

    return predict


def _raw_predictions(yolo: Yolo) -> Predict:
    def predict(image: Image) -> list[dict[str, Any]]:
        raw = yolo.detect_raw(image)
        rows = zip(raw.classes, raw.scores, raw.boxes, strict=True)
        return [_person(LABELS[label], float(score), map(float, box)) for label, score, box in rows]

    return predict


def _served(person: Person) -> dict[str, Any]:
    answers = {} if person.answers is None else {"answers": person.answers.to_fields()}
    return _person(person.label, person.confidence, person.box.corners) | answers


def _person(label: str, confidence: float, box: Iterable[float]) -> dict[str, Any]:
    return {"label": label, "confidence": round(confidence, 7), "box": [round(corner, 6) for corner in box]}
