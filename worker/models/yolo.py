"""YOLOv5, trained on this project's labels, exported to ONNX.

A photo goes five steps: into a frame (letterbox.py), through the network (engines.py), its boxes read and cut down to
one a person (boxes.py), mapped back onto the photo, and their scores calibrated. A manifest of kind "yolov5" has:

    "files": {"network": {"path", "sha256"}}     the export
    "input": 640                                 longer side of what the network sees, pixels; a multiple of 32
    "head": "v5" | "v8"                          how the export answers, see boxes.Head
    "runtime": "openvino" | "onnxruntime"        may be left out: see engines.preferred
    "cut": {"confidence", "class_iou", "person_iou"}            see boxes.Cut
    "calibration": {"confidence": {"bias", "weights": {"log_right", "log_wrong"}}, "by_label": {label: the same}}
                                                 `by_label` may be left out, `confidence` never: see calibration.py

An export that leaves height and width open sees photos in their own shape; another one, in squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from contracts.boxes import Box
from contracts.labels import LABELS
from contracts.messages import Model
from worker.models.age_gender import Floats
from worker.models.boxes import BoxFilter, Candidates, Head, InvalidOutput
from worker.models.calibration import Beta, betas_from_fields
from worker.models.detector import Detection, Image
from worker.models.engines import CORES, ENGINES, Engine, preferred
from worker.models.letterbox import GREY, STRIDE, Corners, Placement, frame_for, letterbox
from worker.models.manifests import InvalidModel, ModelManifest
from worker.models.raw import LEAST_SCORE, suppressed

LARGEST_INPUT: Final = 1280  # pixels; four times the work of 640
LEAST_SIDE: Final = 1.0  # pixels of the frame; nobody's head is thinner
VALIDATION_SLACK: Final = 0.5  # of a stride, around what `yolo val` shows


class Yolo:
    """Letterbox, network, suppression and calibration as one Detector."""

    def __init__(
        self, *, model: Model, engine: Engine, side: int, head: Head, cut: BoxFilter, calibration: Sequence[Beta]
    ) -> None:
        """`side`: of what the network sees the longer one, pixels."""
        self._model = model
        self._engine = engine
        self._side = side
        self._head = head
        self._cut = cut
        self._calibration = tuple(calibration)

    @property
    def model(self) -> Model:
        return self._model

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The people in each image, the surest first. InvalidOutput if the network answers with NaN, or no scores."""
        people: list[list[Detection]] = []
        for image in images:
            answer, at = self._answer(image)
            people.append(self._people(self._head.read(answer, self._cut.confidence), at))
        return people

    def everything(self, image: Image) -> Candidates:
        """What the network itself says, before it is cut, merged and calibrated: what mAP is measured on, see raw.py.

        Boxes are fractions of the photo, and may leave it. InvalidOutput as in `detect`.
        """
        answer, at = self._answer(image, slack=VALIDATION_SLACK)
        found = suppressed(self._head.read_all(answer, LEAST_SCORE))
        return Candidates(at.to_photo(found.boxes), found.scores, found.classes)

    def check(self) -> None:
        """ValueError or InvalidOutput unless the output has the manifest's form, with no person in plain grey."""
        for frame in self._usual_frames():
            answers = self._engine(np.full((*frame, 3), GREY, dtype=np.uint8))
            self._head.check(answers.shape)
            if seen := len(self._head.read(answers[0], self._cut.confidence)):
                raise ValueError(f"the network sees {seen} people in an empty picture")

    def _usual_frames(self) -> list[tuple[int, int]]:
        """Where most cameras' photos go, lying and standing; what needs time for a shape takes it now."""
        if not self._engine.any_shape:
            return [(self._side, self._side)]
        short = math.ceil(self._side * 9 / 16 / STRIDE) * STRIDE
        return [(short, self._side), (self._side, short)]

    def shown(self, image: Image, slack: float = 0.0) -> tuple[Image, Placement]:
        """What the network sees of a photo, and where in it the photo lies."""
        any_shape = self._engine.any_shape
        frame = frame_for(image, self._side, slack=slack) if any_shape else (self._side, self._side)
        picture = np.empty((*frame, 3), dtype=np.uint8)
        return picture, letterbox(image, self._side, picture)

    def _answer(self, image: Image, slack: float = 0.0) -> tuple[Floats, Placement]:
        """What the network says of a photo, and where in its frame the photo lay."""
        picture, at = self.shown(image, slack)
        [answer] = self._engine(picture)
        return answer, at

    def _people(self, candidates: Candidates, at: Placement) -> list[Detection]:
        people = self._cut.people(candidates)
        inside = at.clipped(people.boxes)
        seen = np.all(inside[:, 2:] - inside[:, :2] >= LEAST_SIDE, axis=1)
        return detections(people[seen], at.to_photo(inside[seen]), self._calibration)


def detections(people: Candidates, fractions: Corners, calibration: Sequence[Beta]) -> list[Detection]:
    """The people with their boxes in fractions of the photo and the confidence that each label's formula gives."""
    sure = np.empty(len(people))
    for place, formula in enumerate(calibration):
        of_label = people.classes == place
        sure[of_label] = formula(people.scores[of_label])
    return [
        Detection(LABELS[place], float(confidence), Box(*map(float, box)))
        for place, confidence, box in zip(people.classes, sure, np.clip(fractions, 0, 1), strict=True)
    ]


def load_yolo(manifest: ModelManifest, at_once: int = CORES) -> Yolo:
    """The YOLO that a manifest of kind "yolov5" describes, tried on an empty picture; see engines.py for `at_once`.

    InvalidModel if a file or a number of it is wrong, or the network does not answer as the manifest says.
    """
    network = manifest.file("network")
    try:
        fields = manifest.fields
        cut = cut_from_fields(fields["cut"])
        calibration = betas_from_fields(fields["calibration"], least=cut.confidence)
        side, head = _side(fields["input"]), Head(fields["head"])
        if (make := ENGINES.get(name := fields.get("runtime") or preferred())) is None:
            raise ValueError(f"no runtime is called {name!r}, only {', '.join(sorted(ENGINES))}")
        yolo = Yolo(
            model=manifest.model,
            engine=make(network.read_bytes(), side, at_once),
            side=side,
            head=head,
            cut=cut,
            calibration=calibration,
        )
        yolo.check()
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOutput) as error:
        raise InvalidModel(
            f"{manifest.path}: its network, numbers or calibration can't be used ({error!r}); this model is not "
            "loaded. Export, calibrate and write the manifest anew."
        ) from None
    return yolo


def cut_from_fields(fields: Any) -> BoxFilter:
    """Of a manifest's `cut`. KeyError, TypeError or ValueError if a number is missing or none."""
    return BoxFilter(*(float(fields[name]) for name in ("confidence", "class_iou", "person_iou")))


def _side(side: Any) -> int:
    if type(side) is not int or not (STRIDE <= side <= LARGEST_INPUT and side % STRIDE == 0):
        raise ValueError(f"an input of {side!r} is no multiple of {STRIDE} pixels up to {LARGEST_INPUT}")
    return side
