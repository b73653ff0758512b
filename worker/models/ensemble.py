"""Several models as one: each looks at the photo, and what they say is merged by weighted boxes fusion.

A manifest of kind "ensemble" has:

    "files": {name: {"path": "first/manifest.json", "sha256"}, …}    the members' own manifests, and every file that
                                                 these name: whoever fetches the run fetches what stands here
    "members": [name, …]                         at least two of them
    "fusion": {"iou": 0.55}                      boxes of one label that overlap more than this are one
    "cut": {"confidence", "class_iou", "person_iou"}            of the merged boxes, see boxes.Cut
    "calibration"                                of the merged confidence, as in yolo.py

Members answer with calibrated confidences, which is what makes them comparable. The average of several is not
calibrated any more (it is too careful where they agree), hence the ensemble's own.

Weighted boxes fusion: Solovyev, Wang and Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object
detection models", Image and Vision Computing 107 (2021). Written here because its library, ensemble-boxes, brings
numba, LLVM and pandas, five times the worker's memory, for these forty lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contracts.labels import LABELS
from contracts.messages import Model
from worker.models.boxes import BoxFilter, Candidates, overlaps
from worker.models.calibration import Beta, betas_from_fields
from worker.models.detector import Detection, Detector, Image
from worker.models.letterbox import Corners
from worker.models.manifests import InvalidModel, ModelManifest
from worker.models.yolo import cut_from_fields, detections


class Ensemble:
    """Several Detectors as one; they look one after the other, in the caller's thread."""

    def __init__(
        self, *, model: Model, members: Sequence[Detector], iou: float, cut: BoxFilter, calibration: Sequence[Beta]
    ) -> None:
        self._model = model
        self._members = tuple(members)
        self._iou = iou
        self._cut = cut
        self._calibration = tuple(calibration)

    @property
    def model(self) -> Model:
        return self._model

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The people in each image, the surest first."""
        answers = [member.detect(images) for member in self._members]
        return [self._people([_candidates(people) for people in of_image]) for of_image in zip(*answers, strict=True)]

    def _people(self, answers: Sequence[Candidates]) -> list[Detection]:
        fused = weighted_boxes_fusion(answers, self._iou)
        people = self._cut.people(fused[fused.scores >= self._cut.confidence])
        return detections(people, people.boxes, self._calibration)


def weighted_boxes_fusion(answers: Sequence[Candidates], iou: float) -> Candidates:
    """One box for each cluster of boxes of one class that overlap its fused box by more than `iou`.

    A fused box is the mean of its cluster weighted by score; its score is the cluster's mean score, less in proportion
    to the members that did not see it.
    """
    every = Candidates(
        np.concatenate([one.boxes for one in answers]),
        np.concatenate([one.scores for one in answers]),
        np.concatenate([one.classes for one in answers]),
    ).ordered()
    boxes: list[Corners] = []
    scores: list[float] = []
    classes: list[int] = []
    for label in np.unique(every.classes):
        for cluster, box in _clusters(every[every.classes == label], iou):
            boxes.append(box)
            scores.append(float(cluster.scores.mean()) * min(len(cluster), len(answers)) / len(answers))
            classes.append(int(label))
    return Candidates(
        np.array(boxes).reshape(-1, 4), np.array(scores, dtype=np.float64), np.array(classes, dtype=np.intp)
    )


def _clusters(candidates: Candidates, iou: float) -> list[tuple[Candidates, Corners]]:
    """Boxes of one class, the best first, as clusters and the fused box of each."""
    members: list[list[int]] = []
    fused: list[Corners] = []
    for place, box in enumerate(candidates.boxes):
        shared = overlaps(np.array(fused).reshape(-1, 4), box[None])[:, 0]
        nearest = int(shared.argmax()) if len(shared) else 0
        if len(shared) and shared[nearest] > iou:
            members[nearest].append(place)
            weights = candidates.scores[members[nearest]]
            fused[nearest] = np.asarray(np.average(candidates.boxes[members[nearest]], axis=0, weights=weights))
        else:
            members.append([place])
            fused.append(box)
    return [(candidates[np.array(cluster)], box) for cluster, box in zip(members, fused, strict=True)]


def load_ensemble(manifest: ModelManifest, load: Callable[[Path], Detector]) -> Ensemble:
    """The ensemble that a manifest of kind "ensemble" describes; `load` loads a member from its manifest.

    InvalidModel if a number is wrong, or a member is refused.
    """
    try:
        fields = manifest.fields
        names = list(fields["members"])
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"an ensemble has two different members or more, not {names}")
        cut = cut_from_fields(fields["cut"])
        calibration = betas_from_fields(fields["calibration"], least=cut.confidence)
        iou = _fraction(fields["fusion"]["iou"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidModel(
            f"{manifest.path}: its members, numbers or calibration can't be used ({error!r}); this ensemble is not "
            "loaded. Calibrate and write the manifest anew."
        ) from None
    members = [load(manifest.file(name)) for name in names]
    return Ensemble(model=manifest.model, members=members, iou=iou, cut=cut, calibration=calibration)


def _candidates(people: Sequence[Detection]) -> Candidates:
    return Candidates(
        np.array([(one.box.x0, one.box.y0, one.box.x1, one.box.y1) for one in people]).reshape(-1, 4),
        np.array([one.confidence for one in people], dtype=np.float64),
        np.array([LABELS.index(one.label) for one in people], dtype=np.intp),
    )


def _fraction(value: Any) -> float:
    if not 0 < (number := float(value)) < 1:
        raise ValueError(f"an overlap of {number} is not between 0 and 1")
    return number
