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

Age and gender are answered by the formula of a YOLO (recipes/kiosk/probabilities.py). The score of each label is the
sum of its probabilities over all members' boxes on that head, whatever label they have: a member that disagrees counts.

Weighted boxes fusion: Solovyev, Wang and Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object
detection models", Image and Vision Computing 107 (2021). Written here because the library ensemble-boxes
depends on numba, LLVM and pandas: five times the worker's memory for these forty lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration
from contracts.messages import Model
from recipes.kiosk.labels import LABELS
from recipes.kiosk.message import Person
from recipes.kiosk.probabilities import Four, probabilities_from, probabilities_of
from worker.kiosk.calibration import calibrations_by_label
from worker.kiosk.detector import Detector
from worker.kiosk.yolo import calibrated, cut_from_fields
from worker.models.boxes import BoxFilter, Candidates, overlaps
from worker.models.detector import Image
from worker.models.letterbox import Corners
from worker.models.manifests import ModelManifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble:
    """Several Detectors as one; they run one after the other, in the caller's thread."""

    model: Model
    members: Sequence[Detector]
    iou: float
    cut: BoxFilter
    calibration: Sequence[BetaCalibration]

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        """The people in each image, the highest score first."""
        by_member = [[_candidates(people) for people in member.detect(images)] for member in self.members]
        return [self._people(of_image) for of_image in zip(*by_member, strict=True)]

    def _people(self, by_member: Sequence[Candidates]) -> list[Person]:
        fused = weighted_boxes_fusion(by_member, self.iou)
        people = self.cut.people(fused[fused.scores >= self.cut.confidence])
        people = replace(people, by_class=_scores_on(people.boxes, by_member, self.cut.person_iou))
        return calibrated(people, people.boxes, self.calibration)


def _scores_on(boxes: Corners, by_member: Sequence[Candidates], iou: float) -> NDArray[np.float64]:
    """The sum of each label's probabilities, (n, 4), over the members' boxes that overlap a box by more than `iou`."""
    sums = np.zeros((len(boxes), len(LABELS)))
    for member in by_member:
        if member.by_class is not None:
            sums += (overlaps(boxes, member.boxes) > iou) @ member.by_class
    return sums


def weighted_boxes_fusion(by_member: Sequence[Candidates], iou: float) -> Candidates:
    """One box for each cluster of boxes of one class that overlap its fused box by more than `iou`.

    A fused box is the mean of its cluster weighted by score; its score is the cluster's mean score, times the share of
    members that detected it.
    """
    columns = zip(*((each.boxes, each.scores, each.classes) for each in by_member), strict=True)
    every = Candidates(*map(np.concatenate, columns)).ordered()
    members = len(by_member)
    return _as_candidates(
        (box, float(cluster.scores.mean()) * min(len(cluster), members) / members, label)
        for label in np.unique(every.classes)
        for cluster, box in _clusters(every[every.classes == label], iou)
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
    fields = manifest.fields
    with manifest.loading("members, numbers or calibration", "Calibrate and write the manifest again."):
        names = list(fields["members"])
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"an ensemble needs two different members or more, not {names}")
        cut = cut_from_fields(fields["cut"])
        calibration = calibrations_by_label(fields["calibration"], min_score=cut.confidence)
        iou = float(fields["fusion"]["iou"])
        if not 0 < iou < 1:
            raise ValueError(f"the fusion's iou {iou} is not between 0 and 1")
    members = [load(manifest.file(name)) for name in names]
    return Ensemble(model=manifest.model, members=members, iou=iou, cut=cut, calibration=calibration)


def _candidates(people: Sequence[Person]) -> Candidates:
    rows = ((person.box.corners, person.confidence, person.label.yolo_class) for person in people)
    by_class = np.array([_probabilities(person) for person in people]).reshape(-1, len(LABELS))
    return replace(_as_candidates(rows), by_class=by_class)


def _probabilities(person: Person) -> Four:
    """The probability of each label; of a member without answers, the three other labels are equally likely."""
    if person.answers is None:
        return probabilities_of(person.label, person.confidence, [0.0] * len(LABELS))
    return probabilities_from(person.label, person.confidence, person.answers)


def _as_candidates(rows: Iterable[tuple[Any, float, int]]) -> Candidates:
    """Candidates of rows of corners, score and class."""
    rows = list(rows)
    return Candidates(
        np.array([box for box, _, _ in rows]).reshape(-1, 4),
        np.array([score for _, score, _ in rows], dtype=np.float64),
        np.array([label for _, _, label in rows], dtype=np.intp),
    )
