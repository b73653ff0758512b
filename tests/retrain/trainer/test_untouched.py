"""A training leaves the pictures of its dataset as they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imaging.jpegs import jpeg, without_end

FAKE = """
def _replace_image(path, write):
    write(path)


def check_image(path):
    _replace_image(path, lambda target: open(target, "wb").write(b"written anew"))
"""
CHECK = """
import sys
from retrain.trainer import untouched
untouched.patch()
from ultralytics.data.utils import check_image
check_image(sys.argv[1])
"""


@pytest.mark.parametrize("body", [FAKE, "def check_image(path):\n    pass\n"], ids=["known", "another version"])
def test_ultralytics_does_not_write_a_picture_anew(tmp_path: Path, body: str) -> None:
    """Or the training ends with the reason: a version that rewrites pictures elsewhere is not used unnoticed."""
    package = tmp_path / "ultralytics" / "data"
    package.mkdir(parents=True)
    (package / "utils.py").write_text(body)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(without_end(jpeg()))
    before = hashlib.sha256(photo.read_bytes()).hexdigest()
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}){CHECK}", str(photo)]
    status = subprocess.run(command, check=False, capture_output=True, text=True)
    assert hashlib.sha256(photo.read_bytes()).hexdigest() == before
    if body == FAKE:
        assert status.returncode == 0, status.stderr
    else:
        assert "rewrites pictures elsewhere" in status.stderr
