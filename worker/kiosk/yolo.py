"""YOLOv5, trained on this project's labels, exported to ONNX.

Six steps: resize the photo into a frame (letterbox.py), run the network (engine.py), reduce its boxes to one a person
(boxes.py), map them back onto the photo, calibrate their scores, and answer age and gender by the scores of all four
classes of the box (recipes/kiosk/probabilities.py). A manifest of kind "yolov5" has:

    "files": {"network": {"path", "sha256"}}     the export
    "input": 640                                 longer side of the network's input, pixels; a multiple of 32
    "head": "v5" | "v8"                          layout of the output, see boxes.Head
    "runtime": "onnxruntime"                     optional; "openvino", of earlier versions, is run by ONNX Runtime, too
    "cut": {"confidence", "class_iou", "person_iou"}            see boxes.BoxFilter
    "calibration": {"confidence": {"bias", "weights": {"log_right", "log_wrong"}}, "by_label": {label: the same}}
                                                 `by_label` is optional, `confidence` required: see calibration.py

The class names in the export's own metadata must be the labels, in their order (class_names.py).
An export with dynamic height and width gets photos in their own shape; another one, in squares.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.boxes import Box
from contracts.formulas.calibration import BetaCalibration
from contracts.messages import Model
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from recipes.kiosk.probabilities import answers_of
from worker.kiosk.calibration import calibrations_by_label
from worker.models.boxes import MAP_MIN_SCORE, BoxFilter, Candidates, Head, best_for_map
from worker.models.class_names import check_class_names
from worker.models.detector import Image
from worker.models.engine import Engine, OnnxRuntime
from worker.models.letterbox import GREY, STRIDE, Corners, Placement, frame_for, letterbox
from worker.models.manifests import ModelManifest
from worker.models.onnx_runtime import Floats

log = logging.getLogger(__name__)

MAX_INPUT: Final = 1280  # pixels; four times the work of 640
MIN_SIDE: Final = 1.0  # pixels of the frame; no head is thinner
VALIDATION_SLACK: Final = 0.5  # strides of padding, as in `yolo val`


@dataclass(frozen=True, kw_only=True, slots=True)
class Yolo:
    """Letterbox, network, suppression and calibration as one Detector. `side`: the longer side of its input, pixels."""

    model: Model
    engine: Engine
    side: int
    head: Head
    cut: BoxFilter
    calibration: Sequence[BetaCalibration]

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image, the highest confidence first. InvalidOutput if the output has NaN or no scores."""
        return [self._people(*self._run(image)) for image in images]

    def detect_raw(self, image: Image) -> Candidates:
        """The boxes that mAP is measured on: uncalibrated, every class of every box down to a score of almost 0.

        Boxes are fractions of the photo, and may leave it. InvalidOutput as in `detect`.
        """
        output, placement = self._run(image, slack=VALIDATION_SLACK)
        best = best_for_map(self.head.read_all(output, MAP_MIN_SCORE))
        return Candidates(placement.to_photo(best.boxes), best.scores, best.classes)

    def check(self) -> None:
        """ValueError or InvalidOutput unless the output has the manifest's layout, with no person in plain grey."""
        for frame in self._usual_frames():
            outputs = self.engine(np.full((*frame, 3), GREY, dtype=np.uint8))
            self.head.check(outputs.shape, len(LABELS))
            if count := len(self.head.read(outputs[0], self.cut.confidence)):
                raise ValueError(f"the network detects {count} people in an empty picture")

    def _usual_frames(self) -> list[tuple[int, int]]:
        """The frames of most cameras, landscape and portrait."""
        if not self.engine.any_shape:
            return [(self.side, self.side)]
        short = math.ceil(self.side * 9 / 16 / STRIDE) * STRIDE
        return [(short, self.side), (self.side, short)]

    def network_input(self, image: Image, slack: float = 0.0) -> tuple[Image, Placement]:
        """The network's input for a photo, and the photo's place in it."""
        any_shape = self.engine.any_shape
        frame = frame_for(image, self.side, slack=slack) if any_shape else (self.side, self.side)
        picture = np.empty((*frame, 3), dtype=np.uint8)
        return picture, letterbox(image, self.side, picture)

    def _run(self, image: Image, slack: float = 0.0) -> tuple[Floats, Placement]:
        """The network's output for a photo, and the photo's place in the frame."""
        picture, placement = self.network_input(image, slack)
        [output] = self.engine(picture)
        return output, placement

    def _people(self, output: Floats, placement: Placement) -> list[Person]:
        people = self.cut.people(self.head.read(output, self.cut.confidence))
        inside = placement.clipped(people.boxes)
        visible = np.all(inside[:, 2:] - inside[:, :2] >= MIN_SIDE, axis=1)
        return calibrated(people[visible], placement.to_photo(inside[visible]), self.calibration)


def calibrated(people: Candidates, fractions: Corners, calibration: Sequence[BetaCalibration]) -> list[Person]:
    """The people with calibrated confidences and answers, and their boxes in fractions of the photo.

    Without the scores of all classes, the three other labels are equally likely.
    """
    by_class = np.zeros((len(people), len(LABELS))) if people.by_class is None else people.by_class
    rows = zip(people.classes, people.scores, by_class, np.clip(fractions, 0, 1), strict=True)
    return [_person(LABELS[label], calibration[label](score), row, box) for label, score, row, box in rows]


def _person(label: Label, confidence: float, scores: NDArray[np.float64], box: NDArray[np.float64]) -> Person:
    answers = answers_of(label, confidence, [float(score) for score in scores])
    return Person(label, confidence, Box(*map(float, box)), answers)


def load_yolo(manifest: ModelManifest) -> Yolo:
    """The YOLO of a manifest of kind "yolov5", tried on an empty picture.

    InvalidModel if a file or a number of it is invalid, or the network's output differs from the manifest.
    """
    network = manifest.file("network")
    fields = manifest.fields
    with manifest.loading("network, numbers or calibration", "Export, calibrate and write the manifest again."):
        cut = cut_from_fields(fields["cut"])
        calibration = calibrations_by_label(fields["calibration"], min_score=cut.confidence)
        side, head = _side(fields["input"]), Head(fields["head"])
        _check_runtime(manifest)
        engine = OnnxRuntime(network.read_bytes(), side)
        check_class_names(engine.class_names, LABELS)
        yolo = Yolo(model=manifest.model, engine=engine, side=side, head=head, cut=cut, calibration=calibration)
        yolo.check()
        return yolo


def _check_runtime(manifest: ModelManifest) -> None:
    """ValueError if the manifest requires a runtime that never ran here. OpenVINO did: its networks run as they are."""
    runtime = manifest.fields.get("runtime")
    if runtime == "openvino":
        log.warning("%s: its runtime, openvino, is no longer used; ONNX Runtime runs the network", manifest.path)
    elif runtime not in (None, "onnxruntime"):
        raise ValueError(f"the runtime {runtime!r} is unknown, only onnxruntime is supported")


def cut_from_fields(fields: Any) -> BoxFilter:
    """From a manifest's `cut`. KeyError, TypeError or ValueError if a number is missing or invalid."""
    return BoxFilter(*(float(fields[name]) for name in ("confidence", "class_iou", "person_iou")))


def _side(side: Any) -> int:
    if type(side) is not int or not (STRIDE <= side <= MAX_INPUT and side % STRIDE == 0):
        raise ValueError(f"the input {side!r} is not a multiple of {STRIDE} pixels up to {MAX_INPUT}")
    return side
