"""YOLOv5, trained on this project's labels, exported to ONNX.

Five steps: resize the photo into a frame (letterbox.py), run the network (engines.py), reduce its boxes to one a person
(boxes.py), map them back onto the photo, calibrate their scores. A manifest of kind "yolov5" has:

    "files": {"network": {"path", "sha256"}}     the export
    "input": 640                                 longer side of the network's input, pixels; a multiple of 32
    "head": "v5" | "v8"                          layout of the output, see boxes.Head
    "runtime": "openvino" | "onnxruntime"        optional: see engines.preferred
    "cut": {"confidence", "class_iou", "person_iou"}            see boxes.BoxFilter
    "calibration": {"confidence": {"bias", "weights": {"log_right", "log_wrong"}}, "by_label": {label: the same}}
                                                 `by_label` is optional, `confidence` required: see calibration.py

An export with dynamic height and width gets photos in their own shape; another one, in squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from contracts.boxes import Box
from contracts.formulas.calibration import BetaCalibration
from contracts.labels import LABELS
from contracts.messages import Model, Person
from worker.models.age_gender import Floats
from worker.models.boxes import MAP_MIN_SCORE, BoxFilter, Candidates, Head, InvalidOutput, best_for_map
from worker.models.calibration import calibrations_by_label
from worker.models.detector import Image
from worker.models.engines import CORES, ENGINES, Engine, preferred
from worker.models.letterbox import GREY, STRIDE, Corners, Placement, frame_for, letterbox
from worker.models.manifests import InvalidModel, ModelManifest

MAX_INPUT: Final = 1280  # pixels; four times the work of 640
MIN_SIDE: Final = 1.0  # pixels of the frame; no head is thinner
VALIDATION_SLACK: Final = 0.5  # strides of padding, as in `yolo val`


class Yolo:
    """Letterbox, network, suppression and calibration as one Detector."""

    def __init__(
        self,
        *,
        model: Model,
        engine: Engine,
        side: int,
        head: Head,
        cut: BoxFilter,
        calibration: Sequence[BetaCalibration],
    ) -> None:
        """`side`: the longer side of the network's input, pixels."""
        self._model = model
        self._engine = engine
        self._side = side
        self._head = head
        self._cut = cut
        self._calibration = tuple(calibration)

    @property
    def model(self) -> Model:
        return self._model

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image, the highest confidence first. InvalidOutput if the output has NaN or no scores."""
        people: list[list[Person]] = []
        for image in images:
            output, placement = self._run(image)
            people.append(self._people(self._head.read(output, self._cut.confidence), placement))
        return people

    def detect_raw(self, image: Image) -> Candidates:
        """The boxes that mAP is measured on: uncalibrated, every class of every box down to a score of almost 0.

        Boxes are fractions of the photo, and may leave it. InvalidOutput as in `detect`.
        """
        output, placement = self._run(image, slack=VALIDATION_SLACK)
        best = best_for_map(self._head.read_all(output, MAP_MIN_SCORE))
        return Candidates(placement.to_photo(best.boxes), best.scores, best.classes)

    def check(self) -> None:
        """ValueError or InvalidOutput unless the output has the manifest's layout, with no person in plain grey."""
        for frame in self._usual_frames():
            outputs = self._engine(np.full((*frame, 3), GREY, dtype=np.uint8))
            self._head.check(outputs.shape)
            if count := len(self._head.read(outputs[0], self._cut.confidence)):
                raise ValueError(f"the network detects {count} people in an empty picture")

    def _usual_frames(self) -> list[tuple[int, int]]:
        """The frames of most cameras, landscape and portrait: an engine that compiles a shape does it now."""
        if not self._engine.any_shape:
            return [(self._side, self._side)]
        short = math.ceil(self._side * 9 / 16 / STRIDE) * STRIDE
        return [(short, self._side), (self._side, short)]

    def network_input(self, image: Image, slack: float = 0.0) -> tuple[Image, Placement]:
        """The network's input for a photo, and the photo's place in it."""
        any_shape = self._engine.any_shape
        frame = frame_for(image, self._side, slack=slack) if any_shape else (self._side, self._side)
        picture = np.empty((*frame, 3), dtype=np.uint8)
        return picture, letterbox(image, self._side, picture)

    def _run(self, image: Image, slack: float = 0.0) -> tuple[Floats, Placement]:
        """The network's output for a photo, and the photo's place in the frame."""
        picture, placement = self.network_input(image, slack)
        [output] = self._engine(picture)
        return output, placement

    def _people(self, candidates: Candidates, placement: Placement) -> list[Person]:
        people = self._cut.people(candidates)
        inside = placement.clipped(people.boxes)
        visible = np.all(inside[:, 2:] - inside[:, :2] >= MIN_SIDE, axis=1)
        return calibrated(people[visible], placement.to_photo(inside[visible]), self._calibration)


def calibrated(people: Candidates, fractions: Corners, calibration: Sequence[BetaCalibration]) -> list[Person]:
    """The people with calibrated confidences, and their boxes in fractions of the photo."""
    return [
        Person(LABELS[label], calibration[label](score), Box(*map(float, box)))
        for label, score, box in zip(people.classes, people.scores, np.clip(fractions, 0, 1), strict=True)
    ]


def load_yolo(manifest: ModelManifest, at_once: int = CORES) -> Yolo:
    """The YOLO of a manifest of kind "yolov5", tried on an empty picture; see engines.py for `at_once`.

    InvalidModel if a file or a number of it is invalid, or the network's output differs from the manifest.
    """
    network = manifest.file("network")
    try:
        fields = manifest.fields
        cut = cut_from_fields(fields["cut"])
        calibration = calibrations_by_label(fields["calibration"], min_score=cut.confidence)
        side, head = _side(fields["input"]), Head(fields["head"])
        if (load_engine := ENGINES.get(name := fields.get("runtime") or preferred())) is None:
            raise ValueError(f"the runtime {name!r} is unknown, only {', '.join(sorted(ENGINES))} are supported")
        yolo = Yolo(
            model=manifest.model,
            engine=load_engine(network.read_bytes(), side, at_once),
            side=side,
            head=head,
            cut=cut,
            calibration=calibration,
        )
        yolo.check()
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOutput) as error:
        raise InvalidModel(
            f"{manifest.path}: its network, numbers or calibration can't be used ({error!r}); this model is not "
            "loaded. Export, calibrate and write the manifest again."
        ) from None
    return yolo


def cut_from_fields(fields: Any) -> BoxFilter:
    """From a manifest's `cut`. KeyError, TypeError or ValueError if a number is missing or invalid."""
    return BoxFilter(*(float(fields[name]) for name in ("confidence", "class_iou", "person_iou")))


def _side(side: Any) -> int:
    if type(side) is not int or not (STRIDE <= side <= MAX_INPUT and side % STRIDE == 0):
        raise ValueError(f"the input {side!r} is not a multiple of {STRIDE} pixels up to {MAX_INPUT}")
    return side
