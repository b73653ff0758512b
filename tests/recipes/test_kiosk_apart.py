"""What every recipe shares names none of the kiosk's labels, not even as text. Who imports them, the linter says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS
from recipes.reading import load

ROOT = Path(__file__).parents[2]
SHARED = (
    "contracts",
    "fleet",
    "imaging",
    "infra",
    "lambdas",
    "local",
    "mqtt",
    "registry",
    "retrain",
    "shell",
    "worker",
)
ITS_OWN = ("retrain/recalibration", "worker/kiosk")
NAMED = re.compile("|".join(LABELS))


def code() -> Iterator[Path]:
    for room in SHARED:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".py", ".sh") and not str(path.relative_to(ROOT)).startswith(ITS_OWN):
                yield path


def without_docstrings(path: Path) -> str:
    """Docstrings may give an example, code may not."""
    text = path.read_text()
    if path.suffix != ".py":
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def test_no_code_that_recipes_share_names_a_label_of_the_kiosk() -> None:
    read = {path: without_docstrings(path) for path in code()}
    assert len(read) > 200
    assert [str(path.relative_to(ROOT)) for path, text in read.items() if NAMED.search(text)] == []


def test_the_labels_are_the_classes_that_the_kiosks_recipe_joins() -> None:
    """The order of the recipe's file is that of the class numbers in datasets and networks."""
    assert load("kiosk").classes == PEOPLE.classes == LABELS


def test_the_detector_knows_a_colour_and_words_for_each_class() -> None:
    assert set(PEOPLE.colours) == set(PEOPLE.groups) == set(LABELS)
    assert PEOPLE.groups["elder_female"] == "elder women"
    assert PEOPLE.rare == {"elder_male", "elder_female"}
