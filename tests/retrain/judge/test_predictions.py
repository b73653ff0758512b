"""Asking a model in a process of its own: what comes back, and what when it does not."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from contracts.labels import Label
from contracts.messages import Model
from retrain.errors import JudgementFailed
from retrain.judge.predictions import PredictedPerson, Prediction, predictor
from tests.toy_yolo import picture, toy_manifest


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """A man on the first, nobody on the second, and a third that is none."""
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    Pillow.fromarray(picture(160, 160, elder_male=(16, 32, 48, 96))).save(paths[0])
    Pillow.fromarray(np.zeros((160, 160, 3), dtype=np.uint8)).save(paths[1])
    paths[2].write_bytes(b"")
    return paths


def program(folder: Path, body: str) -> str:
    """A Python that is none: whatever it is asked for, it does this."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return str(path)


def test_each_photo_is_answered_or_says_why_not(tmp_path: Path, photos: list[Path]) -> None:
    manifest = toy_manifest(tmp_path / "run")
    told: list[tuple[int, int, str]] = []

    found = predictor(manifest, say=lambda done, of, note: told.append((done, of, note)))(photos)

    model = Model("toy", "1", hashlib.sha256(manifest.read_bytes()).hexdigest())
    assert [(one.path, one.error, one.model, one.raw) for one in found] == [
        (photos[0], None, model, False),
        (photos[1], None, model, False),
        (photos[2], "empty_file: the upload has 0 bytes", model, False),
    ]
    [man] = found[0].people
    assert man.label is Label.ELDER_MALE
    assert man.confidence == pytest.approx(0.9)
    assert man.box == pytest.approx((0.1, 0.2, 0.3, 0.6))
    assert found[1].people == ()
    assert told == [(3, 3, "toy 1 looks at the photos")]


def test_raw_answers_say_that_they_are(tmp_path: Path, photos: list[Path]) -> None:
    found = predictor(toy_manifest(tmp_path / "run"), raw=True)(photos[:1])

    assert found[0].raw
    assert [one.label for one in found[0].people] == [Label.ELDER_MALE, Label.ELDER_FEMALE]
    assert [one.confidence for one in found[0].people] == pytest.approx([0.9, 0.45])


def test_a_model_that_can_not_be_loaded_fails_the_judgement_with_its_reason(tmp_path: Path, photos: list[Path]) -> None:
    manifest = toy_manifest(tmp_path / "run", kind="oracle")

    with pytest.raises(JudgementFailed, match=r"ended with status 1 after 0 of 3 photos: .*kind 'oracle'"):
        predictor(manifest)(photos)


def test_a_process_that_hangs_is_ended(tmp_path: Path, photos: list[Path]) -> None:
    python = program(tmp_path, "import time\ntime.sleep(600)\n")

    with pytest.raises(JudgementFailed, match=r"answered for 0 of 3 photos within 0\.3 s; nothing was judged"):
        predictor(None, python=python, start_s=0.3, photo_s=0)(photos)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('hello')", "what is no prediction"),
        ("print('{}')", "what is no prediction"),
        ("print('[]')", "what is no prediction"),
        ("import os; os.abort()", "ended with status -6"),
        ("", r"ended with status 0 after 0 of 3 photos: it did not say why"),
        (
            """print('{"model": {"name": "a", "version": "1", "digest": "d"}, "raw": false}')
print('{"path": "/another.jpg", "ms": 1, "people": []}')""",
            "an answer about /another.jpg",
        ),
    ],
)
def test_a_process_that_breaks_fails_the_judgement(tmp_path: Path, photos: list[Path], body: str, why: str) -> None:
    with pytest.raises(JudgementFailed, match=why):
        predictor(None, python=program(tmp_path, body))(photos)


def test_a_python_that_is_not_there_fails_the_judgement(photos: list[Path]) -> None:
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


def test_a_prediction_is_a_value() -> None:
    seen = PredictedPerson(Label.ADULT_MALE, 0.5, (0.0, 0.0, 1.0, 1.0))

    assert Prediction(Path("a"), 1.0, (seen,)) == Prediction(Path("a"), 1.0, (seen,))
