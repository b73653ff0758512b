"""Figures of a recipe's model on labelled pictures that it has not learned from, by the worker's own code.

What a person would meet: subjects that the finder does not find count as not found, and are not among the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contracts.formulas.calibration import BetaCalibration
from recipes.reading import JOINED, load
from recipes.recipe import Recipe
from retrain.errors import InvalidDataset
from retrain.heads.examples import read_labels
from retrain.heads.figures import Answered, figures_of, score_figures
from retrain.heads.judge import GoldenSubject, Said, golden_subjects, said_about
from retrain.heads.predictions import predict
from retrain.progress import Say, silent

AS_IT_IS = BetaCalibration(0.0, 1.0, -1.0)  # confidences are calibrated already


def measure(name: str, manifest: Path | None, data: Path, *, say: Say = silent) -> dict[str, Any]:
    """The figures of the model of a manifest, None for the recipe's own; InvalidDataset if nothing is labelled."""
    recipe = load(name)
    labels, left_out = read_labels(recipe, data)
    if not labels:
        raise InvalidDataset(f"{data} has no photo with a label file of {recipe.name!r}; nothing was measured")
    photos = list(labels)
    golden = golden_subjects(list(labels.values()), [str(photo) for photo in photos])
    predicted = predict(name, manifest, photos, say=say)
    said = said_about(recipe, golden, predicted)
    found = [place for place, each in enumerate(said) if each.found]
    return {
        "recipe": recipe.name,
        "photos": len(photos),
        "subjects": len(golden),
        "groups": len({subject.group for subject in golden}),
        "found": len(found),
        "ms": round(float(np.median([photo.ms for photo in predicted if photo.error is None])), 1),
        "left_out": dict(+left_out),
        "questions": questions_of(recipe, [golden[place] for place in found], [said[place] for place in found]),
    }


def questions_of(recipe: Recipe, golden: Sequence[GoldenSubject], said: Sequence[Said]) -> dict[str, Any]:
    """The figures of each question, and of the joined classes, about subjects that were found."""
    questions: dict[str, Any] = {}
    for question in recipe.questions:
        known = [
            (subject, each)
            for subject, each in zip(golden, said, strict=True)
            if question in subject.known and question in each.values
        ]
        if not known:
            continue
        groups = np.array([subject.group for subject, _ in known])
        parts = _parts(recipe, [subject for subject, _ in known])
        truth, told = [subject.known[question] for subject, _ in known], [each.values[question] for _, each in known]
        says = recipe.says(question)
        if not says:
            ends = np.array([each.intervals[question] for _, each in known], np.float32)
            scores, true = np.array(told, np.float32), np.array(truth, np.float32)
            inside = (ends[:, 0] <= true) & (true <= ends[:, 1])
            questions[question] = score_figures(scores, true, inside, groups, parts)
            continue
        confidence = np.array([each.confidences[question] for _, each in known], np.float32)
        answered = Answered(says, _places(says, told), _places(says, truth), confidence, groups)
        questions[question] = figures_of(answered, AS_IT_IS, parts)
        if not recipe.learns(question):  # the share of a region, and no probability
            del questions[question]["calibration_error"]
    if recipe.join and (figures := _joined(recipe, golden, said)) is not None:
        questions[JOINED] = figures
    return questions


def _joined(recipe: Recipe, golden: Sequence[GoldenSubject], said: Sequence[Said]) -> dict[str, Any] | None:
    """The joined classes: how many are right; None if no subject has all answers.

    Their confidence is the message's, which predictions do not have.
    """
    both = [
        (_number(recipe, subject.known), _number(recipe, each.values), subject.group)
        for subject, each in zip(golden, said, strict=True)
    ]
    whole = [(truth, told, group) for truth, told, group in both if truth is not None and told is not None]
    if not whole:
        return None
    truth, told = np.array([each[0] for each in whole]), np.array([each[1] for each in whole])
    groups = np.array([each[2] for each in whole])
    answered = Answered(recipe.classes, told, truth, np.full(len(whole), 0.5, np.float32), groups)
    figures = figures_of(answered, AS_IT_IS, {})
    del figures["calibration_error"]
    return figures


def _number(recipe: Recipe, values: Mapping[str, str | float]) -> int | None:
    return recipe.class_of({name: value for name, value in values.items() if isinstance(value, str)})


def _places(says: Sequence[str], values: Sequence[object]) -> np.ndarray:
    return np.array([says.index(str(value)) for value in values], np.intp)


def _parts(recipe: Recipe, subjects: Sequence[GoldenSubject]) -> dict[str, np.ndarray]:
    """By the groups of the recipe, and by the facts that label files state."""
    values = {name: recipe.inputs.get(name) or recipe.says(name) for name in recipe.judge.groups}
    facts = sorted({fact for each in subjects for fact in each.subject.facts.items()})
    return {
        f"{name} = {value}": np.array([each.known.get(name) == value for each in subjects])
        for name, some in values.items()
        for value in some
    } | {
        f"{name} = {value}": np.array([each.subject.facts.get(name) == value for each in subjects])
        for name, value in facts
    }
