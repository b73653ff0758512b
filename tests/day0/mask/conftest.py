"""Sample portraits, and the face that the worker's finder sees in each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from day0.evidence import central
from day0.finder import face_finder
from worker.models.detector import Image
from worker.models.faces import Face

SAMPLES = Path(__file__).parents[3] / "samples"
PORTRAITS = ("usg_L000261.jpg", "usg_D000601.jpg", "usg_H001048.jpg")  # with glasses; without; of one tint


@pytest.fixture(scope="session", params=PORTRAITS)
def portrait(request: pytest.FixtureRequest) -> tuple[Image, Face]:
    with Pillow.open(SAMPLES / request.param) as file:
        image = np.ascontiguousarray(np.asarray(file.convert("RGB")))
    face = central(face_finder().find(image), image)
    assert face is not None
    return image, face
