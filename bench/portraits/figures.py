"""What a customer meets, per model: found, four-class, elders told elder, the easy screen; by group and by size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bench.portraits.scenes import FRAME
from contracts.boxes import iou_of_corners, match_greedily
from day0.measure import share
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.screen import DEFAULT_ELDER_FROM
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import MIN_IOU, people
from retrain.judge.predictions import PredictedPerson, Prediction

SIZES: Final = ((0, 80), (80, 130), (130, 640))  # pixels of a head's width in the frame, from and below


def figures(scenes: Sequence[GoldenPhoto], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Shares with counts and 95 % intervals, of a model's answers as served."""
    said = [
        answer for scene, prediction in zip(scenes, predictions, strict=True) for answer in matched(scene, prediction)
    ]
    truth = people(scenes, classes=LABELS).label
    elder = np.array([LABELS[label].elder for label in truth])
    found = np.array([answer is not None for answer in said])
    right = np.array(
        [answer is not None and answer.label == LABELS[label] for answer, label in zip(said, truth, strict=True)]
    )
    told = np.array([answer is not None and Label(answer.label).elder for answer in said])
    easy = np.array([answer is not None and _elder(answer) >= DEFAULT_ELDER_FROM for answer in said])
    width = np.array([FRAME[0] * (one.box.x1 - one.box.x0) for scene in scenes for one in scene.people])
    of_label = {label: truth == place for place, label in enumerate(LABELS)}
    of_size = {
        f"{low} to {high} px" if low else f"under {high} px": (width >= low) & (width < high) for low, high in SIZES
    }
    matches = int(found.sum())
    return {
        "found": share(found),
        "false people": sum(len(prediction.people) for prediction in predictions) - matches,
        "right, of found": share(right[found]),
        "right, of found, by label": {label: share(right[found & of]) for label, of in of_label.items()},
        "found, by size": {name: share(found[of]) for name, of in of_size.items()},
        "right, of found, by size": {name: share(right[found & of]) for name, of in of_size.items()},
        "elders told elder": share(told[found & elder]),
        "adults told elder": share(told[found & ~elder]),
        "easy screen, elders": share(easy[elder]),
        "easy screen, adults": share(easy[~elder]),
    }


def matched(scene: GoldenPhoto, prediction: Prediction) -> list[PredictedPerson | None]:
    """For each person of the scene the answer whose box overlaps theirs most, from MIN_IOU on."""
    overlaps = (
        (overlap, person, answer)
        for person, known in enumerate(scene.people)
        for answer, each in enumerate(prediction.people)
        if (overlap := iou_of_corners(known.box.corners, each.box)) >= MIN_IOU
    )
    pairs = match_greedily(overlaps)
    return [prediction.people[pairs[place]] if place in pairs else None for place in range(len(scene.people))]


def _elder(answer: PredictedPerson) -> float:
    return answer.answers.elder if answer.answers is not None else float(Label(answer.label).elder)
