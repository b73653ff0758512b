"""Networks that learn with their heads: held-out parts, what is taken, what is refused, and what the worker serves."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.decoding import decode
from recipes.reading import load, parse
from recipes.recipe import Net, Recipe
from retrain.errors import Interrupted, InvalidDataset, TrainerFailed
from retrain.heads.examples import Example, Examples
from retrain.heads.fit import Parts, fit_heads, split
from retrain.heads.training import Trained, train
from retrain.heads.tuning import Tuner
from retrain.settings import DEFAULT_TRAINER
from tests.shapes_recipe import NAME, write_dataset, write_recipe
from worker.kinds import kinds_for
from worker.models.backbone import NETWORKS
from worker.models.heads import HeadsModel
from worker.models.loading import load_model

TUNE = 'tune = { unfreeze = 2, epochs = 2, optimizers = ["adamw", "adam"] }'
ANSWERS_AS_BEFORE = """#!{python}
import json, shutil, sys
job = json.load(open(sys.argv[-1]))
network = shutil.copy(job["network"], job["work"])
print(json.dumps({{"event": "done", "network": network, "optimizer": "adamw", "tried": []}}))
"""


def recipe_in(folder: Path) -> Path:
    """The shapes, of which the size is pooled by the largest value, with a network that learns."""
    recipe = write_recipe(folder / NAME)
    text = (recipe / "recipe.toml").read_text()
    (recipe / "recipe.toml").write_text(text.replace("notice = true", TUNE) + 'pool = "max"\n')
    return recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    recipe_in(folder)
    write_dataset(folder / "data", 120)
    return folder


def trained_by(folder: Path, run: str, tuner: Tuner | None = None) -> Trained:
    return train(
        str(folder / NAME),
        folder / "data",
        folder / run,
        version="1",
        trained_on="drawn shapes",
        cache=folder / "features",
        tuner=tuner,
    )


@pytest.mark.skipif(not DEFAULT_TRAINER.exists(), reason="no .venv-trainer here: make trainer")
def test_a_network_that_has_learned_is_part_of_the_run_and_the_worker_answers_by_it(folder: Path) -> None:
    trained = trained_by(folder, "run")
    report = trained.report["tune"]["networks"]["lite0"]
    assert report["taken"]
    assert report["loss_tuned"] < report["loss_frozen"]
    assert [each["optimizer"] for each in report["tried"]] == ["adamw", "adam"]
    assert trained.report["held_out_by"] == "24 groups, which neither the networks nor the heads have seen"
    manifest = json.loads(trained.manifest.read_text())
    network = manifest["files"]["lite0"]
    assert network["path"] == "lite0.onnx"
    assert network["sha256"] != NETWORKS[Net.LITE0].sha256
    model = load_model(trained.manifest, kinds_for(load(str(folder / NAME))))
    assert isinstance(model, HeadsModel)
    photos = sorted((folder / "data" / "images").rglob("*.jpg"))[:6]
    answered = [model.detect([decode(photo.read_bytes()).image])[0][0].answers[0] for photo in photos]
    assert [getattr(each, "value", None) for each in answered] == ["circle", "square", "triangle"] * 2


def test_a_network_that_is_no_better_stays_frozen_and_the_figures_are_those_of_folds(folder: Path) -> None:
    trained = trained_by(folder, "frozen", Tuner(python=fake(folder)))
    assert not trained.report["tune"]["networks"]["lite0"]["taken"]
    assert trained.report["held_out_by"] == "5 folds, no group in two"
    assert trained.report["heads"]["0.shape"]["count"] == 120
    manifest = json.loads(trained.manifest.read_text())
    assert manifest["files"]["lite0"]["sha256"] == NETWORKS[Net.LITE0].sha256
    assert not (trained.manifest.parent / "lite0.onnx").exists()
    assert [head.get("pool") for head in manifest["heads"]] == [None, None, "max"]


def test_without_the_trainer_nothing_is_trained_and_the_error_says_how_to_get_it(folder: Path) -> None:
    said: list[str] = []
    with pytest.raises(TrainerFailed, match=r"nowhere is missing.*nothing was trained\. Run make trainer"):
        train(
            str(folder / NAME),
            folder / "data",
            folder / "none",
            version="1",
            trained_on="nothing",
            tuner=Tuner(python=folder / "nowhere"),
            say=lambda _, __, note: said.append(note),
        )
    assert not said
    assert not (folder / "none").exists()


@pytest.mark.skipif(not DEFAULT_TRAINER.exists(), reason="no .venv-trainer here: make trainer")
def test_a_signal_ends_it(folder: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Interrupted):
        trained_by(folder, "none", Tuner(stopping=stopping))


def fake(folder: Path) -> Path:
    """A trainer whose network has learned nothing."""
    file = folder / "trainer"
    file.write_text(ANSWERS_AS_BEFORE.format(python=sys.executable))
    file.chmod(0o755)
    return file


def recipe_of(**changes: Any) -> Recipe:
    head = {"name": "eye", "says": ["open", "shut"]}
    return parse({"recipe": 1, "name": "one", "find": {"kind": "whole"}, "head": [head], **changes})


def examples_of(known: list[str], groups: list[int]) -> Examples:
    """Features that tell the values apart."""
    every = tuple(
        Example(Path(f"{row}.jpg"), {"eye": value}, f"group {group}", row, 0)
        for row, (value, group) in enumerate(zip(known, groups, strict=True))
    )
    drawn = np.random.default_rng(1).normal(size=(len(known), 1, 8)).astype(np.float16)
    drawn[:, 0, 0] += 3 * np.array([value == "open" for value in known])
    return Examples(every, {"lite0:whole:0": drawn}, {})


def test_no_group_is_in_two_parts_and_each_part_has_every_value() -> None:
    examples = examples_of(["open", "shut", "shut"] * 40, [row // 3 for row in range(120)])
    parts = split(recipe_of(), examples)
    seen = dict[str, int]()
    for example, part in zip(examples.every, parts.of_row, strict=True):
        assert seen.setdefault(example.group, part) == part
    assert np.bincount(parts.of_row).tolist() == [72, 24, 24]
    for part in range(3):
        assert {examples.every[row].known["eye"] for row in np.flatnonzero(parts.of_row == part)} == {"open", "shut"}


def test_what_a_network_has_seen_gives_no_figures() -> None:
    examples = examples_of(["open", "shut"] * 60, [row // 2 for row in range(120)])
    parts = split(recipe_of(), examples)
    [fitted] = fit_heads(recipe_of(), examples, parts)
    rows = fitted.held_out.rows  # pyrefly: ignore[missing-attribute]
    assert set(parts.of_row[rows]) == {Parts.HELD}
    assert len(rows) == 24


def test_the_split_is_in_fifths_whatever_is_rare_or_unknown() -> None:
    """One unlabelled subject, or a value of one person, must not make thirds of it."""
    examples = examples_of(["open", "shut"] * 100 + ["open"] * 5, [*range(200), *[200] * 5])
    strange = [
        Example(each.photo, {} if each.row < 3 else each.known, each.group, each.row, 0) for each in examples.every
    ]
    for every in (examples.every, tuple(strange)):
        parts = split(recipe_of(), Examples(every, examples.features, {}))
        counts = np.bincount(parts.of_row)
        assert abs(counts - np.array([0.6, 0.2, 0.2]) * 205).max() <= 6


def test_too_few_people_for_three_parts_are_refused() -> None:
    with pytest.raises(InvalidDataset, match="show 2 people, animals or things, and 3 are needed"):
        split(recipe_of(), examples_of(["open", "shut"] * 10, [row // 10 for row in range(20)]))


def test_a_head_that_lacks_a_value_in_a_part_is_refused_before_anything_is_computed_for_it() -> None:
    """Without tune the same examples teach: two groups are enough for two folds."""
    recipe, examples = recipe_of(), examples_of(["open"] * 60 + ["shut"] * 6, [*range(60), 60, 60, 60, 61, 61, 61])
    assert len(fit_heads(recipe, examples)) == 1
    with pytest.raises(
        InvalidDataset, match=r"or leave out tune:(.|\n)*eye = shut: no subject to (learn|choose|judge)"
    ):
        split(recipe, examples)


def test_a_score_needs_some_in_each_part() -> None:
    recipe = parse(
        {
            "recipe": 1,
            "name": "one",
            "find": {"kind": "whole"},
            "head": [{"name": "eye", "says": ["open", "shut"]}, {"name": "size", "score": [1, 5]}],
            "judge": {"of": "eye"},
        }
    )
    plain = examples_of(["open", "shut"] * 60, list(range(120)))
    sized = tuple(
        Example(
            each.photo,
            dict(each.known) | ({"size": 2.0} if each.row < 44 else {}),
            "same" if each.row < 44 else each.group,
            each.row,
            0,
        )
        for each in plain.every
    )
    with pytest.raises(InvalidDataset, match=r"size: 0 subjects to (learn from|choose by|judge by), 5 needed"):
        split(recipe, Examples(sized, plain.features, {}))


def test_joined_answers_are_counted_where_they_judge() -> None:
    recipe = recipe_of(
        head=[{"name": "eye", "says": ["open", "shut"]}, {"name": "lid", "says": ["up", "down"]}],
        join=["eye", "lid"],
        judge={"of": "joined"},
    )
    plain = examples_of(["open", "shut"] * 40, list(range(80)))
    every = tuple(
        Example(each.photo, {**each.known, "lid": "up" if each.row % 4 < 2 else "down"}, each.group, each.row, 0)
        for each in plain.every
    )
    with pytest.raises(InvalidDataset, match="eye, lid: 16 subjects with an answer to each to judge by, 20 needed"):
        split(recipe, Examples(every, plain.features, {}))
