"""docs/recipes.md: its worked example runs from an empty folder, and its table knows every key."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from contracts.answers_message import AnswersMessage
from imaging.decoding import decode
from local.environment import ROOT, search_path
from recipes.reading import load
from retrain.heads.exploration.findings import LEAST_COMPARED, TELLS
from retrain.heads.fit import LEAST_OF_SCORE, LEAST_OF_VALUE
from retrain.judge.settings import JudgeSettings
from worker.kinds import kinds_for
from worker.models.heads import SeenChoice
from worker.models.loading import load_model

PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+ file=(\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = re.findall(r"```bash run\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which the page was followed to the letter."""
    folder = tmp_path_factory.mktemp("followed")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(COMMANDS)],
        cwd=folder,
        env={**os.environ, "PATH": search_path(os.environ), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "digits is valid: looks for whole, asks 1 questions" in done.stdout
    assert "A training has enough of every value" in done.stdout
    return folder


def test_the_worked_example_trains_a_recipe_from_an_empty_folder(folder: Path) -> None:
    report = json.loads((folder / "digits" / "model" / "report.json").read_text())
    assert report["subjects"] == 400
    assert report["heads"]["0.digit"]["macro_f1"] > 0.9


def test_the_worker_reads_the_digits_of_the_worked_example(folder: Path) -> None:
    model = load_model(folder / "digits" / "model" / "manifest.json", kinds_for(load(str(folder / "digits"))))
    right = 0
    for number in range(10):
        photo = folder / "data" / "images" / f"{number:03}.jpg"
        [[seen]] = model.detect([decode(photo.read_bytes()).image])
        [answer] = seen.answers
        assert isinstance(answer, SeenChoice)
        right += answer.value == f"n{number}"
    assert right >= 9


def test_the_pages_drawing_has_thirty_lines_at_most() -> None:
    assert len([line for line in FILES["draw.py"].splitlines() if line.strip()]) <= 30


def test_the_table_of_keys_names_every_key_that_a_recipe_may_have() -> None:
    source = (ROOT / "recipes" / "reading.py").read_text() + (ROOT / "recipes" / "recipe.py").read_text()
    keys = set(re.findall(r"""(?:table|top|region)\.\w+\(\s*"(\w+)\"""", source)) - {"head"}
    table = PAGE.partition("## A recipe's file")[2].partition("## What comes back")[0]
    assert {key for key in keys if f"`{key}`" not in table} == set()
    shipped = [tomllib.loads(file.read_text()) for file in (ROOT / "recipes").glob("*/recipe.toml")]
    assert all(f"`{key}`" in table or key == "head" for fields in shipped for key in fields)


def test_the_table_of_what_a_look_at_the_data_finds_is_complete_and_has_its_numbers() -> None:
    source = (ROOT / "retrain" / "heads" / "exploration" / "findings.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r"""(?:Finding\([\w.]+, |_copies\()"(\w+)\"""", source))
    table = PAGE.partition("| found | why it matters |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", re.sub("`(later|lid_mass|tune)`", "", table))) == kinds
    judge = JudgeSettings()
    assert f"fewer than {LEAST_OF_VALUE} subjects of a value" in table
    assert f"fewer than {LEAST_OF_SCORE} scores or joined answers" in table
    assert f"fewer than {judge.golden_least_per_label} of a value, or {judge.golden_least_moments} groups" in table
    assert f"in {TELLS * 10:g} of 10 pairs, of {LEAST_COMPARED} subjects or more" in table


def test_the_example_of_a_message_follows_its_schema() -> None:
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    fields = json.loads(example.replace(", …}", "}"))
    model = {"name": "mask", "version": "1", "digest": "0"}
    at = "2026-11-29T03:04:05.678Z"
    whole: dict[str, object] = {
        "image_id": "01jd8v2k5e9m3x7q4r6t0w1y2z",
        "kiosk_id": "door",
        "model": model,
        "steps_ms": {},
    }
    message = AnswersMessage.from_json(json.dumps(fields | whole | {"captured_at": at, "expires_at": at}))
    assert message.subjects[0].joined is not None
