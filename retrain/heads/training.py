"""Trains the heads of a recipe on a folder of photos and label files: seconds to minutes, no GPU.

With the recipe's `tune` the last blocks of their networks learn, too: minutes on a GPU, an hour without.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contracts.formulas.calibration import BetaCalibration
from recipes.reading import load
from recipes.recipe import Recipe
from retrain.heads.examples import Examples, read_examples
from retrain.heads.figures import Answered, Flags, figures_of, score_figures
from retrain.heads.fit import AnyFitted, FittedHead, Parts, fit_heads, fit_join, joined, learned_of
from retrain.heads.package import write_run
from retrain.heads.tuning import Tuner
from retrain.progress import Say, silent

JOINED = "joined"


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained run: its manifest, and its report, whose figures are from examples that were held out."""

    manifest: Path
    report: Mapping[str, Any]


def train(
    name: str,
    data: Path,
    out: Path,
    *,
    version: str,
    trained_on: str,
    cache: Path | None = None,
    tuner: Tuner | None = None,
    say: Say = silent,
) -> Trained:
    """Train the recipe `name` on a folder, and write the run into `out`; InvalidDataset if the folder is no dataset.

    `cache`: where features are kept for the next training; beside the run without one. `tuner`: what lets networks
    learn, if the recipe wants it; TrainerFailed when it fails.
    """
    began = time.monotonic()
    recipe, cache, tuner = load(name), cache or out.parent / "features", tuner or Tuner()
    if recipe.tune.unfreeze:
        tuner.check()
    examples = read_examples(recipe, name, data, cache, say=say)
    tuned = None
    if recipe.tune.unfreeze:
        tuned = tuner.tune(recipe, name, data, examples, cache, say=say)
        examples = tuned.examples
    parts = tuned.parts if tuned is not None and tuned.networks else None
    fitted = fit_heads(recipe, examples, parts, say=say)
    join = fit_join(recipe, fitted)
    report = report_of(recipe, examples, fitted, join)
    if tuned is not None:
        report |= {"tune": tuned.report}
    if parts is not None:
        held = np.flatnonzero(parts.of_row == Parts.HELD)
        shows = len({examples.every[row].group for row in held})
        report |= {"held_out_by": f"{shows:,} groups, which neither the networks nor the heads have seen"}
    manifest = write_run(
        out,
        recipe,
        fitted,
        join,
        features=examples.manifest,
        networks={} if tuned is None else tuned.networks,
        version=version,
        trained_on=trained_on,
        report=report,
    )
    say(1, 1, f"trained in {time.monotonic() - began:.0f} s")
    return Trained(manifest, report)


def report_of(
    recipe: Recipe, examples: Examples, fitted: Sequence[AnyFitted], join: BetaCalibration | None
) -> dict[str, Any]:
    """The figures of every question, and of the joined classes, on examples that the models had not learned from."""
    heads = {
        f"{number}.{each.head.title}": _of_head(recipe, examples, each)
        for number, each in enumerate(fitted)
        if isinstance(each, FittedHead)
    }
    report: dict[str, Any] = {
        "recipe": recipe.name,
        "subjects": len(examples.every),
        "groups": len({example.group for example in examples.every}),
        "left_out": dict(examples.left_out),
        "held_out_by": f"{recipe.judge.folds} folds, no group in two",
        "heads": heads,
    }
    return report if join is None else report | {JOINED: _of_join(recipe, examples, fitted, join)}


def _of_head(recipe: Recipe, examples: Examples, fitted: FittedHead) -> dict[str, Any]:
    held = fitted.held_out
    groups = np.array([examples.every[row].group for row in held.rows])
    fields: dict[str, Any] = {"strength": fitted.strength}
    if fitted.calibration is None:
        limits = fitted.head.score
        assert limits is not None  # noqa: S101 - a head says values or a score
        said = np.clip(held.said[:, 0], limits.low, limits.high)
        inside = np.abs(said - held.truth) <= fitted.half_width
        figures = score_figures(said, held.truth, inside, groups, _parts(recipe, examples, held.rows))
        return fields | figures | {"half_width": round(fitted.half_width, 4)}
    answered = Answered(fitted.head.says, held.said.argmax(axis=1), held.truth, held.said.max(axis=1), groups)
    return fields | figures_of(answered, fitted.calibration, _parts(recipe, examples, held.rows))


def _of_join(recipe: Recipe, examples: Examples, fitted: Sequence[AnyFitted], join: BetaCalibration) -> dict[str, Any]:
    rows, said, truth = joined_classes(recipe, examples, fitted)
    scores, _ = joined(recipe, fitted)
    groups = np.array([examples.every[row].group for row in rows])
    answered = Answered(recipe.classes, said, truth, scores, groups)
    return figures_of(answered, join, _parts(recipe, examples, rows))


def joined_classes(
    recipe: Recipe, examples: Examples, fitted: Sequence[AnyFitted]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose joined questions are all known, and the numbers of the classes that are said and true, in order."""
    said: dict[int, dict[str, str]] = {}
    for each in learned_of(fitted):
        if each.head.name in recipe.join:
            for row, best in zip(each.held_out.rows, each.held_out.said.argmax(axis=1), strict=True):
                said.setdefault(int(row), {})[each.head.name] = each.head.says[best]
    rows = [row for row, answers in sorted(said.items()) if len(answers) == len(recipe.join)]

    def true_answers(row: int) -> dict[str, str]:
        return {name: str(examples.every[row].known[name]) for name in recipe.join}

    numbers = [(recipe.class_of(said[row]), recipe.class_of(true_answers(row))) for row in rows]
    return np.array(rows), np.array([each[0] for each in numbers]), np.array([each[1] for each in numbers])


def _parts(recipe: Recipe, examples: Examples, rows: np.ndarray) -> dict[str, Flags]:
    known = [examples.every[row].known for row in rows]
    values = {name: recipe.inputs.get(name) or recipe.says(name) for name in recipe.judge.groups}
    return {
        f"{name} = {value}": np.array([each.get(name) == value for each in known])
        for name, some in values.items()
        for value in some
    }
