"""Possible label errors: labels that the teacher, a model, contradicts.

A photo that only a model labelled is excluded for one; a photo that a person labelled stays, and is marked. cleanlab
finds label errors by confident learning, but is AGPL-3.0, and this project is Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts.boxes import LabelledBox, iou_of_corners, match_greedily
from retrain.judge.predictions import PredictedPerson

SAME_PERSON: Final = 0.3  # intersection over union: people draw boxes less tightly than models


def find_label_errors(
    people: Sequence[LabelledBox], predicted: Sequence[PredictedPerson], *, sure: float, rare: frozenset[str]
) -> str | None:
    """The contradictions between labels and the teacher's predictions, in words; None without any.

    Another label, or an unlabelled person, needs a prediction of confidence `sure` or more. A label without any
    prediction at its place is an error at once, and so is a rare class that is seen where another is labelled, as an
    elder where an adult is: a network that is taught elders as adults calls more of them adults.
    """
    scores = [
        (overlap, left, right)
        for left, person in enumerate(people)
        for right, prediction in enumerate(predicted)
        if (overlap := iou_of_corners(person.box.corners, prediction.box)) >= SAME_PERSON
    ]
    match = match_greedily(scores)
    errors = []
    for left, person in enumerate(people):
        if left not in match:
            errors.append(f"nobody is seen where {person.label} is labelled")
            continue
        prediction = predicted[match[left]]
        hidden = prediction.label in rare and person.label not in rare
        if prediction.label != person.label and (hidden or prediction.confidence >= sure):
            errors.append(f"{person.label} is seen as {prediction.label}, at {prediction.confidence:.2f}")
    unlabelled = set(range(len(predicted))) - set(match.values())
    errors += [
        f"{predicted[right].label} is seen at {predicted[right].confidence:.2f}, and not labelled"
        for right in sorted(unlabelled)
        if predicted[right].confidence >= sure
    ]
    return "; ".join(errors) or None
