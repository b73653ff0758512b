"""The page that a person looks at before a training."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import Label
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.report.page import write_page
from retrain.judge.predictions import Prediction
from tests.retrain.dataset.shop import built, empty_bucket, fill, photo_id, put


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with empty_bucket() as bucket:
        fill(bucket, 12)
        fill(bucket, 4, tree=Tree.GOLDEN, kiosk="k2")
        yield bucket


def text_of(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page.partition("</style>")[2]).split())


def test_it_shows_counts_and_excluded_photos(bucket: DatasetBucket, tmp_path: Path) -> None:
    put(bucket, photo_id(1, kiosk="k2"))
    manifest = built(bucket, tmp_path, val_share=0)
    told = text_of((tmp_path / "index.html").read_text())
    assert f"Nunchi dataset b1 built 2026-03-02 12:00 UTC · digest {manifest.digest}" in told
    assert "train 3 3 3 3 12 0 12 0" in told
    assert "golden 1 1 1 1 4 0 0 0" in told
    assert "moment_of_golden 1 taken within the same minute as a golden photo" in told
    assert "label train, at least 50 val, at least 10 golden, at least 10 elder_male 3 none 1" in told
    assert told.count("there is no picture without people in train") == 1
    assert "there is no elder_male in val" in manifest.warnings
    assert "there is no elder_male" not in told  # it is in the table
    assert "near_bits=20" in told


def test_it_needs_nothing_but_its_folder(bucket: DatasetBucket, tmp_path: Path) -> None:
    """No font, script or style from elsewhere: it is read where there is no Internet, and photos are told to nobody."""
    built(bucket, tmp_path, sheet_photos=6)
    page = (tmp_path / "index.html").read_text()
    assert "http" not in page
    assert "<script" not in page
    shown = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {"sheets/train-elder_male.jpg", "sheets/golden-adult_female.jpg"} <= set(shown)
    assert all((tmp_path / one).is_file() for one in shown)
    for path in (tmp_path / "sheets").iterdir():
        with Image.open(path) as sheet:
            assert f'src="sheets/{path.name}" width="{sheet.width}" height="{sheet.height}"' in page


def test_a_sheet_shows_boxes_in_the_colour_of_their_label(bucket: DatasetBucket, tmp_path: Path) -> None:
    built(bucket, tmp_path, sheet_photos=6, val_share=0)
    with Image.open(tmp_path / "sheets/train-elder_female.jpg") as sheet:
        red, green, blue = bytes.fromhex(PEOPLE.colours[Label.ELDER_FEMALE][1:])
        pixels = np.asarray(sheet.convert("RGB"), dtype=int)
    near = np.abs(pixels - (red, green, blue)).sum(axis=2) < 40
    assert near.sum() > 500


def test_possible_label_errors_are_shown_with_their_reasons(bucket: DatasetBucket, tmp_path: Path) -> None:
    put(bucket, photo_id(5, kiosk="k3"), tree=Tree.REVIEWED, labels=[Label.ELDER_MALE])
    built(bucket, tmp_path, sheet_photos=6, predict=lambda paths: [Prediction(path) for path in paths])
    told = text_of((tmp_path / "index.html").read_text())
    assert "excluded: no person has checked them 6 of 12" in told
    assert "kept: a person labelled them. Check them again 1 of 1" in told
    assert f"{photo_id(5, kiosk='k3')} nobody is seen where elder_male is labelled" in told


def test_nothing_that_somebody_named_becomes_markup(bucket: DatasetBucket, tmp_path: Path) -> None:
    manifest = built(bucket, tmp_path)
    named = replace(manifest, warnings=("<img src=x>",), settings={"a<b>": '"c"'})
    write_page(tmp_path, named, suspects=[], most=0, colours=PEOPLE.colours)
    page = (tmp_path / "index.html").read_text()
    assert "&lt;img src=x&gt;" in page
    assert "a&lt;b&gt;=&#34;c&#34;" in page
