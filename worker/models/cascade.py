"""The day-0 model, which needs no training data: face finder, age network, gender network, calibration.

Four steps: find the faces, cut each into aligned chips, some of them mirrored, run the two networks, compute a label
with a calibrated confidence. `docs/model-card.md` says how accurate that is, and for whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.messages import Model, Person
from worker.models.age_gender import AGE_SIDE, GENDER_SIDE, Networks, Views
from worker.models.calibration import Calibration
from worker.models.detector import Image
from worker.models.faces import DetectionPass, FaceFinder, Rect, View
from worker.models.manifests import ModelManifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Cascade:
    """Face finder, networks and calibration as one Detector."""

    model: Model
    finder: FaceFinder
    networks: Networks
    calibration: Calibration
    age_views: Sequence[View]
    gender_views: Sequence[View]
    head_margin: float

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image; all faces of all images go through the networks in one run."""
        faces_by_image = [self.finder.find(image) for image in images]
        views = [self.views(image, face) for image, faces in zip(images, faces_by_image, strict=True) for face in faces]
        labels = iter(self.calibration.labels(self.networks.run(views)) if views else ())
        people: list[list[Person]] = []
        for image, faces in zip(images, faces_by_image, strict=True):
            people.append([])
            for face in faces:
                label = next(labels)
                people[-1].append(Person(label.label, label.confidence, face.head(self.head_margin, image)))
        return people

    def views(self, image: Image, face: Rect) -> Views:
        """The face as aligned chips, some of them mirrored."""
        return Views(
            age=self.finder.chips(image, face, AGE_SIDE, self.age_views),
            gender=self.finder.chips(image, face, GENDER_SIDE, self.gender_views),
        )


def load_cascade(manifest: ModelManifest) -> Cascade:
    """The cascade that a manifest of kind "cascade" describes; InvalidModel if a file or a number of it is wrong."""
    age, gender, landmarks = (manifest.file(role) for role in ("age", "gender", "landmarks"))
    # RuntimeError: dlib can't read the landmarks
    with manifest.loading("networks, finder or calibration", "Write the manifest again: python -m day0", RuntimeError):
        finder, calibration = manifest.fields["finder"], Calibration.from_fields(manifest.fields["calibration"])
        return Cascade(
            model=manifest.model,
            finder=FaceFinder(landmarks, [DetectionPass(**fields) for fields in finder["passes"]]),
            networks=Networks(age.read_bytes(), gender.read_bytes()),
            calibration=calibration,
            age_views=[View(**view) for view in finder["age_views"]],
            gender_views=[View(**view) for view in finder["gender_views"]],
            head_margin=float(finder["head_margin"]),
        )
