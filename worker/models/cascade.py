"""The day-0 model, which needs no training data: face finder, age network, gender network, calibration.

Four steps: find the faces, cut each into aligned chips, some of them mirrored, run the two networks, compute a label
with a calibrated confidence. `docs/model-card.md` says how accurate that is, and for whom.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.messages import Model, Person
from worker.models.age_gender import AGE_SIDE, GENDER_SIDE, Evidence, Networks, Views
from worker.models.calibration import Calibration
from worker.models.detector import Image
from worker.models.faces import DetectionPass, FaceFinder, Rect, View
from worker.models.manifests import InvalidModel, ModelManifest


class Cascade:
    """Face finder, networks and calibration as one Detector."""

    def __init__(
        self,
        *,
        model: Model,
        finder: FaceFinder,
        networks: Networks,
        calibration: Calibration,
        age_views: Sequence[View],
        gender_views: Sequence[View],
        head_margin: float,
    ) -> None:
        self._model = model
        self._finder = finder
        self._networks = networks
        self._calibration = calibration
        self._age_views = tuple(age_views)
        self._gender_views = tuple(gender_views)
        self._head_margin = head_margin

    @property
    def model(self) -> Model:
        return self._model

    @property
    def calibration(self) -> Calibration:
        """The formulas that turn evidence into a label and its confidence."""
        return self._calibration

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image; all faces of all images go through the networks in one run."""
        faces_by_image = [self.faces(image) for image in images]
        views = [self.views(image, face) for image, faces in zip(images, faces_by_image, strict=True) for face in faces]
        labels = iter(self.calibration.labels(self.evidence(views)) if views else ())
        people: list[list[Person]] = []
        for image, faces in zip(images, faces_by_image, strict=True):
            people.append([])
            for face in faces:
                label = next(labels)
                people[-1].append(Person(label.label, label.confidence, face.head(self._head_margin, image)))
        return people

    def faces(self, image: Image) -> list[Rect]:
        """The faces in the image, in pixels."""
        return self._finder.find(image)

    def evidence(self, views: Sequence[Views]) -> Evidence:
        """The networks' outputs for each face."""
        return self._networks.run(views)

    def views(self, image: Image, face: Rect) -> Views:
        """The face as aligned chips, some of them mirrored."""
        return Views(
            age=self._finder.chips(image, face, AGE_SIDE, self._age_views),
            gender=self._finder.chips(image, face, GENDER_SIDE, self._gender_views),
        )


def load_cascade(manifest: ModelManifest) -> Cascade:
    """The cascade that a manifest of kind "cascade" describes; InvalidModel if a file or a number of it is wrong."""
    age, gender, landmarks = (manifest.file(role) for role in ("age", "gender", "landmarks"))
    try:
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
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # RuntimeError: dlib can't read the landmarks
        raise InvalidModel(
            f"{manifest.path}: its networks, finder or calibration can't be used ({error!r}); "
            "this model is not loaded. Write the manifest again: python -m day0"
        ) from None
