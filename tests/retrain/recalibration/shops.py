"""Checked people that are made up: the log-odds of a model that is right about a camera, or off by a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from contracts.boxes import Box, LabelledBox
from contracts.names import Reference, new_image_id
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import DatasetBucket, Tree, stem
from retrain.judge.golden import GoldenPhoto
from retrain.judge.predictions import Predict, PredictedPerson, Prediction
from retrain.recalibration.fit import Example
from retrain.recalibration.last_layer import LastLayer, confidences_of

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)

BOX: Final = Box(0.3, 0.2, 0.6, 0.7)
_BETA: Final[dict[str, Any]] = {"bias": -0.5, "weights": {"log_right": 0.5, "log_wrong": -1.2}}
SHIPPED: Final[dict[str, Any]] = {
    "elder": {"bias": 0.6, "weights": {"older_than_60": 0.9}},
    "female": {"bias": 0.4, "weights": {"female_log_odds": 1.1}},
    "confidence": _BETA,
    "by_label": {"elder_male": {**_BETA, "bias": -0.75}},
}


def people(count: int, *, seed: int = 0, shift: float = 0.0, scale: float = 1.0) -> list[Example]:
    """`count` people, each a moment: their true log-odds of being an elder are shift + scale * those of the model."""
    random = np.random.default_rng(seed)
    elder, female = random.normal(-1, 2.5, count), random.normal(0, 4, count)
    old = random.random(count) < 1 / (1 + np.exp(-(shift + scale * elder)))
    women = random.random(count) < 1 / (1 + np.exp(-female))
    return [
        Example(f"m{seed}-{number:05}", float(age), float(gender), Label.of(elder=bool(is_old), female=bool(woman)))
        for number, (age, gender, is_old, woman) in enumerate(zip(elder, female, old, women, strict=True))
    ]


def photo_of(example: Example) -> GoldenPhoto:
    """The checked photo of one person."""
    assert example.truth is not None
    return GoldenPhoto(Path(example.moment), example.moment, (LabelledBox(example.truth, BOX),))


def cascade(folder: Path, **fields: Any) -> Path:
    """The manifest of a cascade in service, with one file beside it that no test reads as a network."""
    folder.mkdir(parents=True)
    (folder / "network.onnx").write_bytes(b"a network")
    entry = {"path": "network.onnx", "sha256": hashlib.sha256(b"a network").hexdigest()}
    manifest = {
        "kind": "cascade",
        "name": "cascade",
        "version": "2",
        "classes": [str(label) for label in LABELS],
        "files": {"network_0": entry},
        "elder_share": 0.4,
        "calibration": SHIPPED,
        **fields,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return folder / "manifest.json"


class FakeCascade:
    """Predicts the people that were put, as the worker would by the manifest's calibration; counts its photos."""

    def __init__(self) -> None:
        self.people: dict[str, Example] = {}  # by the name of the photo's file
        self.photos: list[tuple[str, str]] = []  # version of the model, name of the file

    def predictor(self, manifest: Path, log_odds: bool) -> Predict:
        fields = json.loads(manifest.read_bytes())

        def predict(paths: Sequence[Path]) -> list[Prediction]:
            self.photos += [(fields["version"], path.name) for path in paths]
            return [Prediction(path, 1.0, (self._person(path, fields, log_odds),)) for path in paths]

        return predict

    def _person(self, path: Path, fields: Mapping[str, Any], log_odds: bool) -> PredictedPerson:
        person, calibration = self.people[path.name], fields["calibration"]
        # The shipped log-odds are known: the networks' features follow from the shipped formulas.
        elder, female = (
            calibration[name]["bias"]
            + next(iter(calibration[name]["weights"].values()))
            * (shipped - SHIPPED[name]["bias"])
            / next(iter(SHIPPED[name]["weights"].values()))
            for name, shipped in (("elder", person.elder), ("female", person.female))
        )
        label = LastLayer().label(elder, female, confidences_of(calibration))
        odds = (round(elder, 4), round(female, 4)) if log_odds else None
        return PredictedPerson(label.label, label.confidence, BOX.corners, label.answers, odds)


@dataclass(frozen=True)
class CheckedShop:
    """A dataset bucket whose photos show the people of a fake cascade."""

    bucket: DatasetBucket
    model: FakeCascade

    def put(self, tree: Tree, some: Sequence[Example], *, kiosk: str = "k1", apart: float = 2.0) -> list[Reference]:
        """One photo a person, `apart` minutes from the next; two minutes make a moment of each."""
        references = []
        for number, person in enumerate(some):
            assert person.truth is not None
            reference = Reference(kiosk, new_image_id(NOON + number * timedelta(minutes=apart), number.to_bytes(10)))
            labels = format_labels([LabelledBox(person.truth, BOX)], LABELS)
            self.bucket.put_pair(tree, reference, jpeg=f"{kiosk} {person}".encode(), labels=labels)
            self.model.people[f"{stem(reference)}.jpg"] = person
            references.append(reference)
        return references
