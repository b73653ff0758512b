"""The day-0 model, which needs no training data: face finder, age and gender networks, calibration.

Four steps: find the faces, cut each into an upright chip, run the networks, compute two answers and a label with
calibrated confidences. `docs/model-card.md` says how accurate that is, and for whom. A manifest of kind "cascade" has:

    "files": {"finder", "network_0", "network_1", …}         ONNX, see blazeface and network in `day0`
    "finder": {"passes": [{"divisor", "border"}, …], "at_least", "second_look_from",
               "head_margins": [left, top, right, bottom]}
    "padding"                                                room around the face in a chip, parts of its size
    "calibration"                                            see calibration.py
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.boxes import Corners
from contracts.messages import Model
from recipes.kiosk.message import Person
from recipes.kiosk.two_questions import CalibratedLabel
from worker.kiosk.age_gender import SIDE, Networks
from worker.kiosk.calibration import Calibration
from worker.models.chips import chip
from worker.models.detector import Image
from worker.models.faces import Face, FaceFinder, finder_from_fields
from worker.models.manifests import ModelManifest


@dataclass(frozen=True, slots=True)
class Evidence:
    """A person, and the log-odds of their two answers, nats: calibrated, without the bounds of an answer."""

    person: Person
    elder: float
    female: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Cascade:
    """Face finder, networks and calibration as one Detector."""

    model: Model
    finder: FaceFinder
    networks: Networks
    calibration: Calibration
    padding: float
    head_margins: Corners

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image; all faces of all images go through the networks together."""
        return [[seen.person for seen in people] for people in self.detect_with_log_odds(images)]

    def detect_with_log_odds(self, images: Sequence[Image]) -> list[list[Evidence]]:
        """The people in each image with the log-odds of their answers, from which a calibration is fitted again."""
        faces_by_image = [self.finder.find(image) for image in images]
        pairs = [(image, face) for image, faces in zip(images, faces_by_image, strict=True) for face in faces]
        seen = iter(self._seen(pairs) if pairs else ())
        return [[next(seen) for _ in faces] for faces in faces_by_image]

    def _seen(self, pairs: Sequence[tuple[Image, Face]]) -> list[Evidence]:
        logits = self.networks.run([chip(image, face, SIDE, self.padding) for image, face in pairs])
        columns = zip(pairs, self.calibration.labels(logits), *self.calibration.log_odds(logits), strict=True)
        return [
            Evidence(self._person(face, image, label), float(elder), float(female))
            for (image, face), label, elder, female in columns
        ]

    def _person(self, face: Face, image: Image, label: CalibratedLabel) -> Person:
        return Person(label.label, label.confidence, face.head(self.head_margins, image), label.answers)


def load_cascade(manifest: ModelManifest) -> Cascade:
    """The cascade that a manifest of kind "cascade" describes; InvalidModel if a file or a number of it is wrong."""
    finder = manifest.file("finder")
    names = sorted(name for name in manifest.fields["files"] if name.startswith("network_"))
    networks = [manifest.file(name) for name in names]
    with manifest.loading("networks, finder or calibration", "Write the manifest again: python -m day0"):
        fields = manifest.fields["finder"]
        left, top, right, bottom = map(float, fields["head_margins"])
        padding = float(manifest.fields["padding"])
        if not all(0 <= number <= 1 for number in (left, top, right, bottom, padding)):
            raise ValueError(f"head margins {left, top, right, bottom} and padding {padding} are from 0 to 1")
        cascade = Cascade(
            model=manifest.model,
            finder=finder_from_fields(finder.read_bytes(), fields),
            networks=Networks([network.read_bytes() for network in networks]),
            calibration=Calibration.from_fields(manifest.fields["calibration"]),
            padding=padding,
            head_margins=(left, top, right, bottom),
        )
        cascade.networks.check()
        return cascade
