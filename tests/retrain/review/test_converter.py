"""Label Studio's own converter reads what we write, and gives the labels that we store.

It needs an older OpenCV and other things that are not ours, so it lives in an environment of its own:
requirements.txt beside this file.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from contracts.boxes import Box, LabelledBox
from contracts.names import Reference
from contracts.yolo import parse_labels
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS
from recipes.reading import load
from retrain.bucket import Tree, stem
from retrain.review.export import export
from retrain.review.heads.interface import controls, has_boxes
from retrain.review.heads.interface import label_config as heads_config
from retrain.review.importing import read, store
from tests.retrain.review.shop import HER, HIM, Shop, annotation, photo

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("NUNCHI_LABEL_STUDIO_PYTHON", ROOT / ".venv-label-studio" / "bin" / "python"))
CONVERT = """
import sys
from label_studio_sdk.converter.converter import Converter
config, exported, folder = sys.argv[1:]
Converter(config, project_dir=None, download_resources=False).convert_to_yolo(exported, folder, is_dir=False)
"""
READ = """
import json, sys
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
print(json.dumps(parse_config(sys.stdin.read())))
"""
SHOWN: dict[Reference, list[LabelledBox]] = {
    photo(1): [HER, HIM],
    photo(2): [LabelledBox(label, Box(0.1 * n, 0.123456, 0.1 * n + 0.08, 0.654321)) for n, label in enumerate(LABELS)],
    photo(3): [],
}


@pytest.fixture
def converter() -> Path:
    if not PYTHON.exists() and "CI" not in os.environ:
        pytest.skip(f"Label Studio's converter is not installed: make converter, or say where {PYTHON} is")
    assert PYTHON.exists()
    return PYTHON


@pytest.mark.parametrize("name", ["mask", "pet-eye", "lego", "face-score"])
def test_label_studio_s_own_reader_finds_every_control_of_a_recipes_interface(converter: Path, name: str) -> None:
    recipe = load(name)
    told = subprocess.run(
        [converter, "-c", READ], input=heads_config(recipe), check=True, timeout=60, capture_output=True, text=True
    )
    found = {control: (tag["type"], tag["labels"]) for control, tag in json.loads(told.stdout).items()}
    boxes = {"subject": ("RectangleLabels", [str(recipe.find.kind)])} if has_boxes(recipe) else {}
    assert found == boxes | {
        control: ("Rating", []) if recipe.heads[number].score else ("Choices", list(recipe.heads[number].says))
        for control, number in controls(recipe).items()
    }


def submitted(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As Label Studio exports tasks whose predictions somebody has submitted as they were."""
    return [
        {"id": number, **task, "annotations": [annotation(task["predictions"][0]["result"])]}
        for number, task in enumerate(tasks, start=1)
    ]


def test_label_studio_s_own_converter_gives_the_labels_that_we_store(
    converter: Path, shop: Shop, tmp_path: Path
) -> None:
    for reference, people in SHOWN.items():
        shop.put(Tree.AUTO, reference, people)
    folder = tmp_path / "review"
    export(shop.bucket, shop.results, folder, sample_share=1, most=None, weigh=PEOPLE.weigh)
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(submitted(json.loads((folder / "tasks.json").read_text()))))
    yolo = tmp_path / "yolo"
    subprocess.run(
        [converter, "-c", CONVERT, folder / "label_config.xml", answers, yolo], check=True, timeout=300, cwd=tmp_path
    )
    assert (yolo / "classes.txt").read_text().splitlines()[: len(LABELS)] == list(LABELS)
    store(read(answers, classes=LABELS), shop.bucket, shop.results, golden_share=0)
    for reference in SHOWN:
        stored = shop.bucket.get(reference.pair_keys(Tree.REVIEWED)[1])
        assert stored is not None
        ours = parse_labels(stored.decode(), LABELS)
        theirs = parse_labels((yolo / "labels" / f"{stem(reference)}.txt").read_text(), LABELS)
        assert [person.label for person in theirs] == [person.label for person in ours]
        for converted, person in zip(theirs, ours, strict=True):
            assert converted.box.corners == pytest.approx(person.box.corners, abs=2e-6)
