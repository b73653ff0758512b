"""docs/recipes/pet-eye.md: its figures are the report's, and its examples are accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path

from contracts.subject_labels import SubjectLabels
from recipes.reading import folder_of, load
from retrain.heads.aihub import KEYS, read_meaning

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "recipes" / "pet-eye.md").read_text(encoding="utf-8")
REPORT = json.loads((folder_of("pet-eye") / "model" / "report.json").read_text())
DOG, CAT = (REPORT["heads"][f"{number}.sign, if species is {species}"] for number, species in enumerate(("dog", "cat")))


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    return str(found)


def test_the_figures_are_those_of_the_shipped_models_report() -> None:
    for species, figures in (("dog", DOG), ("cat", CAT)):
        low, high = figures["interval"]
        row = (
            f"| {species} | {figures['right']} of {figures['count']} | {figures['macro_f1']:.3f} | {low:.3f} to "
            f"{high:.3f} | {figures['calibration_error']:.3f} |"
        )
        assert row in TEXT
    for sign, dog in DOG["by_value"].items():
        cells = [f"{each['right']} of {each['count']}" for each in (dog, CAT["by_value"].get(sign)) if each]
        assert f"| `{sign}` | {' | '.join([*cells, ''])}".rstrip() in TEXT.replace(" | |\n", " |\n")
    assert f"{REPORT['subjects']} drawn pictures of {DOG['groups']} dogs and {CAT['groups']} cats" in TEXT


def test_the_answers_are_those_of_the_recipe() -> None:
    for head in load("pet-eye").heads:
        says = ", ".join(f"`{value}`" for value in head.says)
        assert f"| {head.when['species']} | which sign | {says} |" in TEXT


def test_the_label_file_is_one() -> None:
    labels = SubjectLabels.from_json(block("json"))
    assert (labels.recipe, labels.subjects[0].group) == ("pet-eye", "rex")


def test_the_map_for_ai_hub_is_accepted_with_and_without_its_comments(tmp_path: Path) -> None:
    """What it leaves to the reader is a comment, and would be accepted, too."""
    file, shown = tmp_path / "signs.toml", block("toml")
    file.write_text(shown, encoding="utf-8")
    meaning = read_meaning(load("pet-eye"), file)
    assert (meaning.absent, meaning.animal, meaning.signs["백내장"]) == (None, None, "cloudy")
    file.write_text(re.sub(rf"^# ({'|'.join(KEYS)})", r"\1", shown, flags=re.MULTILINE), encoding="utf-8")
    meaning = read_meaning(load("pet-eye"), file)
    assert (meaning.absent, meaning.animal) == ("none", "images.meta.id")
