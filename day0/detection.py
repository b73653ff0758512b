"""Measures face detection: by source and condition, by size in a kiosk's frame, by angle; false faces; time; memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image as Pillow

from day0.conditions import placed
from day0.evidence import Seen, central
from day0.finder import face_finder
from day0.measure import share
from day0.photos import Photo
from day0.scenes import FRAME, background
from worker.kiosk.detector import Detector
from worker.models.detector import Image

WIDTHS: Final = (30, 40, 50, 60, 80, 120, 240)  # pixels of a face in the frame
ANGLES: Final = (0, 15, 30, 45, 60, 90)  # degrees
PORTRAITS: Final = 40
EMPTY: Final = 100


def found_by_source(photos: Sequence[Photo], seen: Seen) -> dict[str, Any]:
    """The share of test photos with a detected face, by source and condition."""
    source = np.array([photos[index].source for index in seen.photo])
    test = np.array([photos[index].split == "test" for index in seen.photo])
    return {
        name: {
            condition: share(seen.found[test & (source == name) & (seen.condition == condition)])
            for condition in dict.fromkeys(seen.condition.tolist())
        }
        for name in sorted(set(source.tolist()))
    }


def portraits(photos: Sequence[Photo]) -> list[Image]:
    """Some portraits of Congress in colour, not of the test split."""
    some = [photo for photo in photos if photo.split != "test" and photo.source == "us_congress_gpo"]
    return [photo.read() for photo in some[:PORTRAITS]]


def found_by_size(images: Sequence[Image]) -> dict[str, Any]:
    """The share of single portraits found as exactly one face in a drawn shop, by the face's width there."""
    finder = face_finder()
    rows: dict[str, Any] = {}
    for width in WIDTHS:
        exactly_one = []
        for number, image in enumerate(images):
            face = central(finder.find(image), image)
            assert face is not None
            frame = placed(image, face, width, np.random.default_rng((width, number)))
            exactly_one.append(len(finder.find(frame)) == 1)
        rows[str(width)] = share(np.array(exactly_one))
    return rows


def found_by_angle(images: Sequence[Image]) -> dict[str, Any]:
    """The share of portraits found as exactly one face when the picture is turned, by degrees."""
    return {
        str(angle): share(
            np.array(
                [
                    len(face_finder().find(np.asarray(Pillow.fromarray(image).rotate(angle, expand=True)))) == 1
                    for image in images
                ]
            )
        )
        for angle in ANGLES
    }


def false_faces() -> dict[str, Any]:
    """The share of drawn shops without people in which a face was found."""
    return share(np.array([bool(face_finder().find(np.asarray(background(1000 + number)))) for number in range(EMPTY)]))


def speed(model: Detector, image: Image) -> dict[str, Any]:
    """Milliseconds of processor time of one `detect`, which keeps to one core: the median of 15 after a warm one."""
    face = central(face_finder().find(image), image)
    assert face is not None
    near, far = (placed(image, face, width, np.random.default_rng(1)) for width in (240, 60))
    scenes = {
        "1280 × 720, one near face": near,
        "1280 × 720, one far face": far,
        "640 × 360, one near face": np.asarray(Pillow.fromarray(near).resize((FRAME[0] // 2, FRAME[1] // 2))),
        "1280 × 720, nobody": np.asarray(background(2)),
    }
    return {
        name: {"ms": _median_ms(model, scene), "people": len(model.detect([scene])[0])}
        for name, scene in scenes.items()
    }


def memory() -> dict[str, float]:
    """MiB of a process of its own: with the worker's imports, and once a loaded model has answered about a portrait."""
    program = (
        "import re, pathlib; from worker.models.day_0 import WARM_UP\n"
        "from worker.models.day_0 import DEFAULT_MANIFEST; from worker.kiosk.kinds import load_detector\n"
        "from imaging.decoding import decode\n"
        # Not getrusage: its peak starts with the memory of the process that forked this one.
        "def kib(): return re.search(r'VmRSS:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]\n"
        "imported = kib(); model = load_detector(DEFAULT_MANIFEST)\n"
        "image = decode(WARM_UP.read_bytes(), max_pixels=10**7).image\n"
        "[model.detect([image]) for _ in range(20)]; print(imported, kib())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported, answered = (round(int(kib) / 1024) for kib in run.stdout.split())
    return {"imports": imported, "model loaded and used": answered}


def _median_ms(model: Detector, image: Image) -> float:
    times_ms = []
    for _ in range(16):
        started = time.process_time()
        model.detect([image])
        times_ms.append((time.process_time() - started) * 1000)
    return round(float(np.median(times_ms[1:])), 1)
