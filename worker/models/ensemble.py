"""An ensemble: several models detect people in the photo, and weighted boxes fusion merges their boxes.

A manifest of kind "ensemble" has:

    "files": {name: {"path": "first/manifest.json", "sha256"}, …}    the members' manifests, and every file that these
                                                 name: a run's files are fetched by this list
    "members": [name, …]                         at least two
    "fusion": {"iou": 0.55}                      boxes of one label that overlap more are one cluster
    "cut": {"confidence", "class_iou", "person_iou"}            of the merged boxes, see boxes.BoxFilter
    "calibration"                                of the merged confidence, as in yolo.py

The members' confidences are calibrated, which makes them comparable. Their average is not calibrated any more (it is
too low where they agree), so the ensemble has a calibration of its own.

Weighted boxes fusion: Solovyev, Wang and Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object
detection models", Image and Vision Computing 107 (2021). Written here because the library ensemble-boxes
depends on numba, LLVM and pandas: five times the worker's memory for these forty lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contracts.formulas.calibration import BetaCalibration
from contracts.messages import Model, Person
from worker.models.boxes import BoxFilter, Candidates, overlaps
from worker.models.calibration import calibrations_by_label
from worker.models.detector import Detector, Image
from worker.models.letterbox import Corners
from worker.models.manifests import InvalidModel, ModelManifest
from worker.models.yolo import calibrated, cut_from_fields


class Ensemble:
    """Several Detectors as one; they run one after the other, in the caller's thread."""

    def __init__(
        self,
        *,
        model: Model,
        members: Sequence[Detector],
        iou: float,
        cut: BoxFilter,
        calibration: Sequence[BetaCalibration],
    ) -> None:
        self._model = model
        self._members = tuple(members)
        self._iou = iou
        self._cut = cut
        self._calibration = tuple(calibration)

    @property
    def model(self) -> Model:
        return self._model

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image, the highest score first."""
        by_member = [member.detect(images) for member in self._members]
        return [self._people([_candidates(people) for people in of_image]) for of_image in zip(*by_member, strict=True)]

    def _people(self, by_member: Sequence[Candidates]) -> list[Person]:
        fused = weighted_boxes_fusion(by_member, self._iou)
        people = self._cut.people(fused[fused.scores >= self._cut.confidence])
        return calibrated(people, people.boxes, self._calibration)


def weighted_boxes_fusion(by_member: Sequence[Candidates], iou: float) -> Candidates:
    """One box for each cluster of boxes of one class that overlap its fused box by more than `iou`.

    A fused box is the mean of its cluster weighted by score; its score is the cluster's mean score, times the share of
    members that detected it.
    """
    every = Candidates(
        np.concatenate([candidates.boxes for candidates in by_member]),
        np.concatenate([candidates.scores for candidates in by_member]),
        np.concatenate([candidates.classes for candidates in by_member]),
    ).ordered()
    boxes: list[Corners] = []
    scores: list[float] = []
    classes: list[int] = []
    for label in np.unique(every.classes):
        for cluster, box in _clusters(every[every.classes == label], iou):
            boxes.append(box)
            scores.append(float(cluster.scores.mean()) * min(len(cluster), len(by_member)) / len(by_member))
            classes.append(int(label))
    return Candidates(
        np.array(boxes).reshape(-1, 4), np.array(scores, dtype=np.float64), np.array(classes, dtype=np.intp)
    )


def _clusters(candidates: Candidates, iou: float) -> list[tuple[Candidates, Corners]]:
    """Boxes of one class, the best first, as clusters and the fused box of each."""
    clusters: list[list[int]] = []
    fused: list[Corners] = []
    for index, box in enumerate(candidates.boxes):
        ious = overlaps(np.array(fused).reshape(-1, 4), box[None])[:, 0]
        nearest = int(ious.argmax()) if len(ious) else 0
        if len(ious) and ious[nearest] > iou:
            clusters[nearest].append(index)
            weights = candidates.scores[clusters[nearest]]
            fused[nearest] = np.asarray(np.average(candidates.boxes[clusters[nearest]], axis=0, weights=weights))
        else:
            clusters.append([index])
            fused.append(box)
    return [(candidates[np.array(cluster)], box) for cluster, box in zip(clusters, fused, strict=True)]


def load_ensemble(manifest: ModelManifest, load: Callable[[Path], Detector]) -> Ensemble:
    """The ensemble of a manifest of kind "ensemble"; `load` loads a member from its manifest.

    InvalidModel if a number or a member is invalid.
    """
    try:
        fields = manifest.fields
        names = list(fields["members"])
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"an ensemble needs two different members or more, not {names}")
        cut = cut_from_fields(fields["cut"])
        calibration = calibrations_by_label(fields["calibration"], min_score=cut.confidence)
        iou = _fraction(fields["fusion"]["iou"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidModel(
            f"{manifest.path}: its members, numbers or calibration can't be used ({error!r}); this ensemble is not "
            "loaded. Calibrate and write the manifest again."
        ) from None
    members = [load(manifest.file(name)) for name in names]
    return Ensemble(model=manifest.model, members=members, iou=iou, cut=cut, calibration=calibration)


def _candidates(people: Sequence[Person]) -> Candidates:
    return Candidates(
        np.array([person.box.corners for person in people]).reshape(-1, 4),
        np.array([person.confidence for person in people], dtype=np.float64),
        np.array([person.label.yolo_class for person in people], dtype=np.intp),
    )


def _fraction(value: Any) -> float:
    if not 0 < (number := float(value)) < 1:
        raise ValueError(f"the fusion's iou {number} is not between 0 and 1")
    return number
