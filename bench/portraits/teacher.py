"""What the cascade teaches: its own boxes and labels of the scenes that pass the worker's gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from contracts.boxes import Box, LabelledBox
from contracts.gate import DEFAULT_GATE
from contracts.messages import DatasetTree
from contracts.names import Reference, new_image_id
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from retrain.judge.golden import GoldenPhoto, golden_photos
from retrain.judge.matching import served
from retrain.judge.predictions import Prediction, predictor
from retrain.progress import Say
from worker.kiosk.decision import decide
from worker.photos.rules import Thresholds

THRESHOLDS: Final = Thresholds(gate=DEFAULT_GATE, unsure_below=0.5, review_share=0.0)
DAY: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Taught:
    """The photos that teach, with their labels, and what of it is wrong."""

    photos: list[tuple[Path, list[LabelledBox]]]
    facts: dict[str, Any]


def taught(dataset: Path, say: Say) -> Taught:
    """Day 0 labels the scenes of train; `decide` chooses those that teach."""
    scenes = golden_photos(dataset, "train", classes=LABELS)
    return chosen(scenes, predictor(None, say=say)([scene.path for scene in scenes]))


def chosen(scenes: Sequence[GoldenPhoto], predictions: Sequence[Prediction]) -> Taught:
    """The scenes whose people all pass the gate, no adult among them with a high P(elder)."""
    kept = []
    for number, (scene, prediction) in enumerate(zip(scenes, predictions, strict=True)):
        people = [
            Person(Label(each.label), each.confidence, Box(*each.box), each.answers) for each in prediction.people
        ]
        reference = Reference("scenes", new_image_id(DAY + timedelta(minutes=2 * number), number.to_bytes(10)))
        decision = decide(reference, people, THRESHOLDS)
        if decision.training is DatasetTree.AUTO:
            kept.append((scene, prediction, [LabelledBox(person.label, person.box) for person in decision.people]))
    matches = (
        served([scene for scene, _, _ in kept], [prediction for _, prediction, _ in kept], classes=LABELS)
        if kept
        else None
    )
    facts = {
        "scenes": len(kept),
        "of_scenes": len(scenes),
        "labels": {label: sum(person.label == label for _, _, people in kept for person in people) for label in LABELS},
        "people_in_them": dict(Counter(person.label for scene, _, _ in kept for person in scene.people)),
        "wrong_labels": 0 if matches is None else int((~matches.box_right).sum()),
        "missed_people": 0 if matches is None else int((~matches.detected).sum()),
    }
    return Taught([(scene.path, people) for scene, _, people in kept], facts)
