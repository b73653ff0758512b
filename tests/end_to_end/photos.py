"""Photos for the whole path: one real face, in as many different files as a test wants."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageEnhance

from worker.models.day_0 import WARM_UP as FACE


def faces(count: int) -> list[bytes]:
    """`count` JPEG files of a face, no two alike."""
    with Image.open(FACE) as picture:
        face = picture.convert("RGB")
    files = []
    for number in range(count):
        target = io.BytesIO()
        ImageEnhance.Brightness(face).enhance(1 + number / 200).save(target, "JPEG", quality=90)
        files.append(target.getvalue())
    return files


def face_file(folder: Path) -> Path:
    """A face as a file in `folder`."""
    path = folder / "face.jpg"
    path.write_bytes(FACE.read_bytes())
    return path
