"""A recipe's whole loop over a local cloud: photo, labels, training, judgement, promotion, reload, rollback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels
from local.environment import ROOT
from retrain.heads.training import train
from tests.shapes_recipe import NAME, SHAPES, write_dataset, write_recipe

PICTURES = 240
TIMEOUT_S = 1200  # a bound for a busy machine; alone it takes a minute and a half


def wrongly_taught(folder: Path, recipe: Path) -> Path:
    """The manifest of a model that has learned wrong shapes, for the shop to open with."""
    data = write_dataset(folder / "wrong")
    for file in sorted((data / "labels" / "demo").iterdir()):
        answers = dict(SubjectLabels.from_json(file.read_text()).subjects[0].answers)
        answers["shape"] = SHAPES[(SHAPES.index(str(answers["shape"])) + 1) % len(SHAPES)]
        file.write_text(SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), answers),)).to_json())
    cache = folder / "features"
    return train(str(recipe), data, folder / "opening", version="opening", trained_on="wrong", cache=cache).manifest


def test_a_recipe_learns_from_its_customers_and_can_be_rolled_back(tmp_path: Path) -> None:
    recipe, data, kept = write_recipe(tmp_path / NAME), write_dataset(tmp_path / "data", PICTURES), tmp_path / "out"
    opening = wrongly_taught(tmp_path, recipe)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NUNCHI_")}
    command = ["flywheel", "--recipe", str(recipe), "--data", str(data), "--out", str(kept)]
    done = subprocess.run(
        [sys.executable, "-m", "ops", *command],
        cwd=ROOT,
        env=environ | {"NUNCHI_MODEL": str(opening), "NUNCHI_START_HEADS": str(opening)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    assert "shape 0 of" in said, "before the training every shape is wrong"
    assert "promoted by the rule better" in said
    assert "no photo waited for the reload" in said
    assert "messages name day-0 again" in said, "the rollback was followed"

    runs = sorted((kept / "runs").iterdir())
    first = json.loads((runs[0] / "judgement.json").read_text())
    assert (first["promoted"], first["rule"]) == (True, "better")
    assert [check["rule"] for check in first["checks"]] == [
        "golden_too_small",
        "not_better",
        "group_behind",
        "promise_broken",
        "too_slow",
    ]
    learned = [set(json.loads((run / "dataset.json").read_text())["photos"]) for run in runs]
    assert learned[0] < learned[1], "the second training has learned from customers' photos, too"
    assert json.loads((kept / "current.json").read_text())["moved_by"] == "nunchi flywheel"
