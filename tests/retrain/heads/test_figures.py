"""Figures of a score: its error and its intervals, by the groups that a recipe or a label file names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.reading import parse
from recipes.recipe import Range
from retrain.heads.figures import score_figures
from retrain.heads.fit import told_error
from retrain.heads.judge import golden_subjects, said_about
from retrain.heads.measure import questions_of
from retrain.heads.predictions import HeadSaid, PredictedPhoto, PredictedSubject

RECIPE = parse(
    {
        "recipe": 1,
        "name": "photo",
        "find": {"kind": "whole"},
        "head": [
            {"name": "gender", "says": ["male", "female"]},
            {"name": "score", "score": [1, 5], "when": {"gender": "male"}},
            {"name": "score", "score": [1, 5], "when": {"gender": "female"}},
        ],
        "judge": {"metric": "mae", "of": "score", "groups": ["gender"]},
    }
)
WHOLE = Box(0, 0, 1, 1)


def test_a_scores_figures_are_those_of_its_examples_and_of_each_part() -> None:
    said, truth = np.array([1, 2, 3, 4], np.float32), np.array([1, 3, 3, 2], np.float32)
    groups = np.array(["a", "a", "b", "c"])
    first = np.array([True, True, False, False])
    figures = score_figures(said, truth, np.abs(said - truth) <= 1, groups, {"first": first, "none": first & ~first})
    assert {name: figures[name] for name in ("count", "groups", "mae", "inside", "mae_of_the_mean")} == {
        "count": 4,
        "groups": 3,
        "mae": 0.75,
        "inside": 0.75,
        "mae_of_the_mean": 0.75,
    }
    assert list(figures["by_group"]) == ["first"]
    assert {name: figures["by_group"]["first"][name] for name in ("count", "groups", "mae", "inside")} == {
        "count": 2,
        "groups": 1,
        "mae": 0.5,
        "inside": 1.0,
    }
    low, high = figures["interval"]
    assert low <= figures["mae"] <= high


def labelled(gender: str, score: float, age: str, group: str) -> SubjectLabels:
    subject = LabelledSubject(WHOLE, {"gender": gender, "score": score}, group, {"age": age})
    return SubjectLabels("photo", {}, (subject,))


def predicted(path: Any, gender: str, male: float, female: float) -> PredictedPhoto:
    """Both scores are computed; which one is told, the gender decides."""
    heads = (
        HeadSaid(gender, 0.9, score=0.9),
        *(HeadSaid(None, 0.0, number=each, low=each - 1, high=each + 1) for each in (male, female)),
    )
    return PredictedPhoto(path, 1.0, (PredictedSubject(WHOLE.corners, heads),))


def test_a_score_is_measured_as_it_is_told_by_the_heads_of_the_said_gender_and_by_facts() -> None:
    """A wrong gender gives the other rule's score and interval; the age is a fact of the label file."""
    labels = [
        labelled("male", 4, "elder", "a"),
        labelled("female", 2, "adult", "b"),
        labelled("female", 5, "adult", "c"),
    ]
    photos = [predicted(None, "male", 4.5, 1), predicted(None, "female", 5, 2.5), predicted(None, "male", 3, 5)]
    golden = golden_subjects(labels, ["0", "1", "2"])
    figures = questions_of(RECIPE, golden, said_about(RECIPE, golden, photos))["score"]
    assert (figures["mae"], figures["inside"]) == (1.0, pytest.approx(2 / 3, abs=1e-4))
    mae = {name: each["mae"] for name, each in figures["by_group"].items()}
    assert mae == {"gender = male": 0.5, "gender = female": 1.25, "age = adult": 1.25, "age = elder": 0.5}


def test_a_score_beyond_its_range_is_no_error_where_the_end_of_the_range_is_true() -> None:
    """It is told as that end; so the strength of weights is chosen by what is told."""
    error = told_error(Range(1, 5))
    assert error(np.array([[5.7], [0.2]], np.float32), np.array([5, 1])) == 0
    assert error(np.array([[5.7]], np.float32), np.array([4])) == 1


def test_a_fact_of_a_label_file_is_read_as_it_was_written_and_left_out_where_there_is_none() -> None:
    [subject] = SubjectLabels.from_json(labelled("male", 4, "elder", "a").to_json()).subjects
    assert subject.facts == {"age": "elder"}
    assert "facts" not in LabelledSubject(WHOLE, {}).to_fields()
