"""Evaluates face detection: recall by source and by size in a kiosk's frame, false detections, speed, memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as Pillow

from day0.evidence import ExtractedEvidence, sitter
from day0.measure import share
from day0.photos import Photo
from day0.scenes import FRAME, background, enlarged, with_people
from worker.models.cascade import Cascade
from worker.models.detector import Image

SIZES = (50, 60, 80, 100, 120, 160, 240)  # pixels from ear to ear in the frame
PORTRAITS = 40
EMPTY = 40


def found_by_source(photos: Sequence[Photo], extracted: ExtractedEvidence) -> dict[str, Any]:
    """The share of portraits whose face was found, by source, as they are."""
    detected = set(extracted.photo[extracted.variant == 0].tolist())
    return {
        source: share(np.array([index in detected for index, photo in enumerate(photos) if photo.source == source]))
        for source in sorted({photo.source for photo in photos})
    }


def found_by_size(model: Cascade, photos: Sequence[Photo]) -> dict[str, Any]:
    """The share of single portraits found in a drawn 1280 × 720 scene, by the face's width there."""
    portraits = []
    for photo in (photo for photo in photos if photo.split != "test" and photo.source.startswith("us_congress")):
        with Pillow.open(photo.path) as file:
            image = np.ascontiguousarray(np.asarray(file.convert("RGB")))
        if (face := sitter(model.finder.find(image), image)) is not None:
            portraits.append((photo, face.right - face.left))
        if len(portraits) == PORTRAITS:
            break
    random = np.random.default_rng(0)
    rows: dict[str, Any] = {}
    for size in SIZES:
        exactly_one = []
        for number, (photo, face_width) in enumerate(portraits):
            portrait = enlarged(photo.path, size / face_width)
            left = int(random.integers(0, max(1, FRAME[0] - portrait.width)))
            top = int(random.integers(0, max(1, FRAME[1] - portrait.height)))
            exactly_one.append(len(model.finder.find(with_people(background(number), [(portrait, left, top)]))) == 1)
        rows[str(size)] = share(np.array(exactly_one))
    rows["nobody there"] = share(
        np.array([bool(model.finder.find(np.asarray(background(1000 + n)))) for n in range(EMPTY)])
    )
    return rows


def speed(model: Cascade, photo: Photo) -> dict[str, Any]:
    """Milliseconds of processor time of one `detect`, which keeps to one core: the median of 15 after a warm one."""
    near = with_people(background(1), [(enlarged(photo.path, 2.2), 400, 150)])
    far = with_people(background(1), [(enlarged(photo.path, 0.9), 500, 300)])
    half = np.asarray(Pillow.fromarray(near).resize((FRAME[0] // 2, FRAME[1] // 2)))
    scenes = {
        "1280 × 720, one near face": near,
        "1280 × 720, one far face": far,
        "640 × 360, one near face": half,
        "1280 × 720, nobody": np.asarray(background(2)),
    }
    return {
        name: {"ms": _median_ms(model, image), "people": len(model.detect([image])[0])}
        for name, image in scenes.items()
    }


def memory() -> dict[str, float]:
    """MiB of a process of its own: with the worker's imports, and once a loaded model has answered."""
    program = (
        "import re, pathlib, numpy; from worker.models.loading import DEFAULT_MANIFEST, load_detector\n"
        # Not getrusage: its peak starts with the memory of the process that forked this one.
        "def kib(): return re.search(r'VmRSS:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]\n"
        "imported = kib(); model = load_detector(DEFAULT_MANIFEST)\n"
        "model.detect([numpy.zeros((720, 1280, 3), numpy.uint8)]); print(imported, kib())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported, answered = (round(int(kib) / 1024) for kib in run.stdout.split())
    return {"imports": imported, "model loaded and used": answered}


def _median_ms(model: Cascade, image: Image) -> float:
    times_ms = []
    for _ in range(16):
        started = time.process_time()
        model.detect([image])
        times_ms.append((time.process_time() - started) * 1000)
    return round(float(np.median(times_ms[1:])), 1)
