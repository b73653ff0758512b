"""The model of day 0, when there is no training data yet: face finder, age network, gender network, calibration.

A photo goes four steps: find the faces, cut each into aligned chips, some of them mirrored, ask the two networks, turn
their answers into one label with a calibrated confidence. `docs/model-card.md` says how well that works, and for whom.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.messages import Model
from worker.models.age_gender import AGE_SIDE, GENDER_SIDE, Evidence, Networks, Views
from worker.models.calibration import Calibration
from worker.models.detector import Detection, Image
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

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The people in each image; the networks see all faces of all images in one run."""
        found = [self.faces(image) for image in images]
        views = [self.views(image, face) for image, faces in zip(images, found, strict=True) for face in faces]
        judgements = iter(self.calibration.judge(self.evidence(views)) if views else ())
        people: list[list[Detection]] = []
        for image, faces in zip(images, found, strict=True):
            people.append([])
            for face in faces:
                judgement = next(judgements)
                box = face.head(self._head_margin, image)
                people[-1].append(Detection(judgement.label, judgement.confidence, box))
        return people

    def faces(self, image: Image) -> list[Rect]:
        """The faces in the image, in pixels."""
        return self._finder.find(image)

    def evidence(self, views: Sequence[Views]) -> Evidence:
        """What the networks say of each face."""
        return self._networks.look(views)

    def views(self, image: Image, face: Rect) -> Views:
        """The face as the networks want it: aligned chips, some of them mirrored."""
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
            finder=FaceFinder(landmarks, [DetectionPass(**look) for look in finder["passes"]]),
            networks=Networks(age.read_bytes(), gender.read_bytes()),
            calibration=calibration,
            age_views=[View(**view) for view in finder["age_views"]],
            gender_views=[View(**view) for view in finder["gender_views"]],
            head_margin=float(finder["head_margin"]),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # RuntimeError: dlib can't read the landmarks
        raise InvalidModel(
            f"{manifest.path}: its networks, finder or calibration can't be used ({error!r}); "
            "this model is not loaded. Write the manifest anew: python -m day0"
        ) from None
