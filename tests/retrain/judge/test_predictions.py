"""Predictions by a subprocess, and the errors of one that fails."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from contracts.messages import Model
from recipes.kiosk.labels import Label
from retrain.errors import JudgementFailed
from retrain.judge.predictions import predictor
from tests.toy_yolo import picture, toy_manifest


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """A man on the first, no person on the second, and an empty third file."""
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    Pillow.fromarray(picture(160, 160, elder_male=(16, 32, 48, 96))).save(paths[0])
    Pillow.fromarray(np.zeros((160, 160, 3), dtype=np.uint8)).save(paths[1])
    paths[2].write_bytes(b"")
    return paths


def program(folder: Path, body: str) -> str:
    """An executable in the place of Python, which ignores its arguments."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return str(path)


def test_each_photo_has_a_prediction_or_an_error(tmp_path: Path, photos: list[Path]) -> None:
    manifest = toy_manifest(tmp_path / "run")
    reports: list[tuple[int, int, str]] = []

    predictions = predictor(manifest, say=lambda done, of, note: reports.append((done, of, note)))(photos)

    model = Model("toy", "1", hashlib.sha256(manifest.read_bytes()).hexdigest())
    assert [(one.path, one.error, one.model, one.raw) for one in predictions] == [
        (photos[0], None, model, False),
        (photos[1], None, model, False),
        (photos[2], "empty_file: the file has 0 bytes", model, False),
    ]
    [man] = predictions[0].people
    assert man.label is Label.ELDER_MALE
    assert man.confidence == pytest.approx(0.9)
    assert man.box == pytest.approx((0.1, 0.2, 0.3, 0.6))
    assert predictions[1].people == ()
    assert reports == [(3, 3, "toy 1 predicts the photos")]


def test_raw_predictions_are_marked_as_raw(tmp_path: Path, photos: list[Path]) -> None:
    [prediction] = predictor(toy_manifest(tmp_path / "run"), raw=True)(photos[:1])

    assert prediction.raw
    assert [one.label for one in prediction.people] == [Label.ELDER_MALE, Label.ELDER_FEMALE]
    assert [one.confidence for one in prediction.people] == pytest.approx([0.9, 0.45])


def test_a_model_that_can_not_be_loaded_fails_the_judgement_with_its_reason(tmp_path: Path, photos: list[Path]) -> None:
    manifest = toy_manifest(tmp_path / "run", kind="oracle")

    with pytest.raises(JudgementFailed, match=r"ended with status 1 after 0 of 3 photos: .*kind 'oracle'"):
        predictor(manifest)(photos)


def test_a_process_that_hangs_is_killed(tmp_path: Path, photos: list[Path]) -> None:
    python = program(tmp_path, "import time\ntime.sleep(600)\n")

    with pytest.raises(JudgementFailed, match=r"predicted 0 of 3 photos within 0\.3 s; nothing was judged"):
        predictor(None, python=python, start_s=0.3, photo_s=0)(photos)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('hello')", "sent an invalid prediction"),
        ("print('{}')", "sent an invalid prediction"),
        ("print('[]')", "sent an invalid prediction"),
        ("import os; os.abort()", "ended with status -6"),
        ("", r"ended with status 0 after 0 of 3 photos: no error message"),
        (
            """print('{"model": {"name": "a", "version": "1", "digest": "d"}, "raw": false}')
print('{"path": "/another.jpg", "ms": 1, "people": []}')""",
            "a prediction for /another.jpg",
        ),
    ],
)
def test_a_failing_process_fails_the_judgement(tmp_path: Path, photos: list[Path], body: str, why: str) -> None:
    with pytest.raises(JudgementFailed, match=why):
        predictor(None, python=program(tmp_path, body))(photos)


def test_a_missing_python_fails_the_judgement(photos: list[Path]) -> None:
    with pytest.raises(JudgementFailed, match=r"/no/python can't be started .*; nothing was judged"):
        predictor(None, python="/no/python")(photos)


def test_the_worker_gets_no_credentials(tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    python = program(
        tmp_path,
        "import os, sys\nsys.stderr.write(str([key for key in os.environ if key.startswith('AWS_')]))\nsys.exit(1)",
    )

    with pytest.raises(JudgementFailed, match=r"photos: \[\]\. Nothing was judged"):
        predictor(None, python=python)(photos)
