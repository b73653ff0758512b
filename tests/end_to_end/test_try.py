"""`nunchi try`: a person with a browser, a page, and the whole cloud behind it."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from contracts.answers_message import AnswersMessage, AnswersResult
from local.environment import ROOT
from local.ports import fetch
from recipes.recipe import Region
from tests.chromium import CHROMIUM, FLAGS
from tests.demo.try_page.opened import opened
from tests.end_to_end.conftest import BROKEN_AWS, UP_S, Running, running_cloud
from tests.end_to_end.processes import processes_of
from tests.shapes_recipe import draw, drawn_at
from worker.models.regions import EVERYTHING, FoundSubject, crop
from worker.photos.why import lit

PICTURE = ROOT / "docs" / "recipes" / "try.png"
DRAWS = os.environ.get("NUNCHI_SCREENSHOTS") == "1"  # make the picture of docs/recipes anew


@contextmanager
def trying(state: Path, *options: str) -> Generator[tuple[subprocess.Popen[str], str], None, None]:
    """`nunchi try` as a user has it, and the address that it prints; Ctrl-C at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "try", *options],
        cwd=ROOT,
        env={**os.environ, **BROKEN_AWS, "NUNCHI_STATE": str(state), "TMPDIR": str(state.parent), "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
            assert address, process.stderr.read()
            yield process, address[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(UP_S)


@pytest.fixture(scope="module")
def shapes_cloud(tmp_path_factory: pytest.TempPathFactory, shapes_recipe: Path) -> Iterator[Running]:
    with running_cloud(tmp_path_factory.mktemp("shapes"), f"--recipe={shapes_recipe}") as running:
        yield running


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: `apt-get install chromium`")
def test_a_drawn_shape_is_answered_on_the_page_in_both_languages(shapes_cloud: Running, tmp_path: Path) -> None:
    """By the cloud that is up, and by its recipe; Ctrl-C ends the page and not the cloud."""
    photo = tmp_path / "triangle.jpg"
    draw("triangle", "blue", 30, random.Random(4)).save(photo, quality=90)
    with (
        trying(shapes_cloud.state) as (process, address),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        with opened(browser, address, locale="ko-KR") as shown:
            shown.send(photo)
            rows = shown.answered().locator(".row")
            expect(rows.nth(0)).to_contain_text("세모")
            expect(rows.nth(1)).to_contain_text("파랑")
            shown.switch_language()
            expect(rows.nth(0)).to_contain_text("triangle")
            expect(rows.nth(1)).to_contain_text("blue")
            expect(rows.nth(2)).to_contain_text("in 8 of 10 cases")
            expect(shown.page.locator(".notice")).to_have_text("A model for tests, which knows drawn shapes only.")
            expect(shown.page.locator(".box")).to_have_count(1)
            if DRAWS:
                PICTURE.parent.mkdir(parents=True, exist_ok=True)
                shown.page.screenshot(path=PICTURE, full_page=True)
            shown.page.click("summary")
            message = AnswersMessage.from_json(shown.page.locator("pre").inner_text())
            shown_why = shown.page.locator("figure img").get_attribute("src")
            followed = fetch(message.pictures["why"])  # as a device with nothing but the link
            assert shown_why == f"data:image/png;base64,{base64.b64encode(followed).decode()}"
            with pytest.raises(HTTPError, match="403"):
                fetch(message.pictures["why"].partition("?")[0])
            with pytest.raises(HTTPError, match="403"):
                fetch(re.sub("Signature=....", "Signature=0000", message.pictures["why"]))
            assert (shown.complaints, shown.outside) == ([], [])
        browser.close()
    images = shapes_cloud.status["buckets"]["images"]
    stored = shapes_cloud.record.client("s3").get_object(Bucket=images, Key=message.reference.result_key)
    assert AnswersResult.from_json(stored["Body"].read()).message == replace(message, pictures={})
    kept = shapes_cloud.record.client("s3").get_object(Bucket=images, Key=message.reference.why_key)
    assert kept["Body"].read() == followed
    _assert_bright_on_the_shape(followed, np.asarray(Image.open(photo)), "blue")
    assert process.returncode == 0
    assert shapes_cloud.record.state == "up"


def _assert_bright_on_the_shape(png: bytes, photo: np.ndarray, colour: str) -> None:
    """Against the same picture where nothing is bright: the shape differs from it, and the paper far away does not."""
    shown = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    square = crop(photo, FoundSubject(EVERYTHING), Region(), shown.shape[0])
    dim = lit(square, np.zeros((7, 7), np.float32))
    heat = np.abs(shown - dim).sum(axis=2)
    shape = drawn_at(square, colour)
    assert 0.02 < shape.mean() < 0.5
    assert heat[shape].mean() > 3 * heat[~shape].mean()


def test_another_recipe_than_the_clouds_opens_no_page(shapes_cloud: Running) -> None:
    """And the command that changes it is shown."""
    told = shapes_cloud.nunchi("try", "--recipe=mask")
    assert told.returncode == 1
    assert "no page was opened" in told.stderr
    assert "up --detach --recipe=mask" in told.stderr


def test_without_a_cloud_one_is_started_and_taken_down_by_ctrl_c(tmp_path: Path, shapes_recipe: Path) -> None:
    """Nothing of it is left: no process, and no picture on the disk."""
    with trying(tmp_path / "none", f"--recipe={shapes_recipe}") as (process, address):
        assert json.loads(fetch(f"{address}api/recipe"))["name"] == "shapes"
        assert list(tmp_path.glob("nunchi-page-*"))
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == {}
