"""The whole wheel, as a person turns it: labels, training, judgement, promotion, photos, training again, and back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from contracts.private_folder import is_private
from contracts.training import TrainingOutcome, Verdict
from contracts.weights import Pointer
from local.environment import GATE_VARIABLE, ROOT
from retrain.settings import DEFAULT_TRAINER, TRAINER_VARIABLE
from tests.chromium import CHROMIUM, FLAGS

# Less than a demonstration, and a lower gate: after so short a training no label passes 0.95 on some processors.
SMALL = ("--pictures", "224", "--customers", "64", "--epochs", "9")
GATE = "0.8"
MOST_S = 1800
DRAWS = os.environ.get("NUNCHI_SCREENSHOTS") == "1"  # make the pictures of docs/ anew


@pytest.mark.timeout(MOST_S + 60)
@pytest.mark.skipif(
    not Path(os.environ.get(TRAINER_VARIABLE, DEFAULT_TRAINER)).exists(),
    reason="nothing here trains; first: make trainer",
)
def test_the_wheel_turns_from_nothing_to_a_rollback(tmp_path: Path) -> None:
    """Each message names the version that decided it, which the command itself holds against what serves."""
    told = subprocess.run(
        [sys.executable, "-m", "ops", "flywheel", *SMALL, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, GATE_VARIABLE: GATE},
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    outcomes = [
        TrainingOutcome.from_json(path.read_bytes())
        for path in sorted((tmp_path / "out" / "trainings").glob("*/outcome.json"))
    ]
    first, second = outcomes
    assert (first.verdict, first.incumbent) == (Verdict.PROMOTED, None)
    assert (second.verdict, second.incumbent) in [(Verdict.PROMOTED, first.run), (Verdict.KEPT, first.run)]

    # Each candidate is stored with what it learned from, and why it serves or not.
    for outcome in outcomes:
        run = tmp_path / "out" / "runs" / str(outcome.run)
        manifest = json.loads((run / "manifest.json").read_text())
        build = json.loads((tmp_path / "out" / "builds" / outcome.training / "manifest.json").read_text())
        assert manifest["data"]["digest"] == build["digest"]
        assert json.loads((run / "report.json").read_text())["rule"] == outcome.rule
        assert outcome.reason in (run / "report.html").read_text()
        assert manifest["licence"]["weights"] == "AGPL-3.0"
    learned = {
        item["source"]
        for item in json.loads((tmp_path / "out" / "builds" / second.training / "manifest.json").read_text())["items"]
    }
    assert learned >= {"reviewed", "golden"}

    back = Pointer.from_json((tmp_path / "out" / "current.json").read_bytes())
    serves = second.run if second.verdict is Verdict.PROMOTED else first.run
    assert (back.previous, back.moved_by) == (serves, "nunchi flywheel")
    assert re.search(rf"messages name {back.run or 'day-0'} again", told.stderr)
    assert "nothing is left running" in told.stderr

    # The pages are listed at the end, in a folder that git ignores.
    listed = [Path(line.strip()) for line in told.stdout.partition("Open\n")[2].splitlines()]
    assert listed == [
        *sorted((tmp_path / "out").glob("runs/*/report.html")),
        *sorted((tmp_path / "out").glob("builds/*/index.html")),
    ]
    assert len(listed) == 4
    assert is_private(tmp_path / "out")
    if DRAWS:
        draw({ROOT / "docs" / "report.png": listed[1], ROOT / "docs" / "dataset.png": listed[3]})


def draw(pages: Mapping[Path, Path]) -> None:
    """What a person sees first of each page, into the PNG file that is its key."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        shown = browser.new_page(viewport={"width": 1040, "height": 1010})
        for picture, page in pages.items():
            shown.goto(page.as_uri())
            shown.screenshot(path=picture)
        browser.close()
