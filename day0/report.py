"""The figures of the model, from the faces that its networks never saw: fitted on val, measured on test."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from day0 import detection
from day0.conditions import AS_IT_IS, BRIGHT, CONDITIONS, MASK, SHOP
from day0.evidence import Seen
from day0.fit import CHOICES, ELDER_SHARE, Faces, Mask, Predictions, fit, label_index, log_losses, predict
from day0.measure import by_group, by_origin, curve, easy_screen, figures, reliability, share
from day0.photos import CROPS, Photo
from recipes.kiosk.screen import DEFAULT_ELDER_FROM
from worker.kiosk.detector import Detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.manifests import read_manifest

# What cascade 1 answered about the test photos in four conditions; `docs/model-card.md` says how it was made.
EARLIER: Final = Path(__file__).parent / "cascade_1.csv"
OF_EARLIER: Final = (AS_IT_IS, SHOP, MASK, BRIGHT)


def choose(faces: Faces) -> tuple[dict[str, Any], dict[str, Any], Predictions]:
    """The losses of every choice on val with people left out, the calibration of the best, and its predictions."""
    val = (faces.split == "val") & faces.found & ((faces.age_group != "child") & (faces.age_group != "teen"))
    tried: dict[str, dict[str, float]] = {}
    fitted: dict[str, tuple[dict[str, Any], Predictions]] = {}
    for name, choice in CHOICES.items():
        fitted[name] = fit(faces, choice, val)
        tried[name] = log_losses(faces, fitted[name][1], val)
    chosen = min(tried, key=lambda name: sum(tried[name].values()))
    fields, held_out = fitted[chosen]
    return {"tried": tried, "chosen": chosen}, fields, held_out


def measured(
    photos: Sequence[Photo], seen: Seen, faces: Faces, fields: dict[str, Any], held_out: Predictions
) -> dict[str, Any]:
    """Every figure of the model's answers."""
    now = predict(faces, fields)
    before, answers, asked = earlier(photos, seen)
    crops, test = faces.source == CROPS, faces.split == "test"
    clean = faces.condition == AS_IT_IS
    grown = faces.known_age & (faces.elder | (faces.age_group == "adult"))
    side_by_side: dict[str, Any] = {}
    for name, part in (("FairFace test", test & crops), ("portraits test", test & ~crops)):
        for condition in CONDITIONS:
            rows = part & (faces.condition == condition)
            side_by_side[f"{name}, {condition}"] = {
                "cascade 2": figures(faces, now, rows, elder_from=DEFAULT_ELDER_FROM),
                "cascade 1": figures(before, answers, rows & asked, elder_from=None)
                if condition in OF_EARLIER
                else None,
            }
    everything = test & grown & faces.found
    right = now.labels() == label_index(faces.elder, faces.female)
    age_right = (now.elder > 0.5) == faces.elder
    return {
        "elder_share": ELDER_SHARE,
        "elder_from": DEFAULT_ELDER_FROM,
        "side by side": side_by_side,
        "groups": by_group(faces, now, test & clean, elder_from=DEFAULT_ELDER_FROM),
        "groups, under a mask": by_group(faces, now, test & (faces.condition == MASK), elder_from=DEFAULT_ELDER_FROM),
        "origins": by_origin(faces, now, test & clean, elder_from=DEFAULT_ELDER_FROM),
        "curve, val": curve(faces, held_out, (faces.split == "val") & clean),
        "curve, test": curve(faces, now, test & clean),
        "reliability of the label": reliability(now.confidence[everything & clean], right[everything & clean]),
        "reliability of the label, poorer photos": reliability(
            now.confidence[everything & ~clean], right[everything & ~clean]
        ),
        "reliability of the age": reliability(
            np.maximum(now.elder, 1 - now.elder)[everything & clean], age_right[everything & clean]
        ),
        "source left out": source_left_out(faces),
        "members of Parliament": parliament(faces, now, test & clean),
    }


def source_left_out(faces: Faces) -> dict[str, Any]:
    """The promise elsewhere: fitted on val without a source, measured on val and test of that source alone."""
    rows = {}
    known = faces.found & faces.known_age & (faces.elder | (faces.age_group == "adult")) & (faces.split != "train")
    known &= faces.condition == AS_IT_IS  # each person once: an interval counts people
    val = (faces.split == "val") & faces.found & (faces.age_group != "child") & (faces.age_group != "teen")
    chosen = choose(faces)[0]["chosen"]
    for source in sorted(set(faces.source[known].tolist())):
        fields, _ = fit(faces, CHOICES[chosen], val & (faces.source != source))
        elsewhere = predict(faces, fields)
        part = known & (faces.source == source)
        right = elsewhere.labels() == label_index(faces.elder, faces.female)
        kept = part & (elsewhere.confidence >= 0.95)
        rows[source] = {
            "four-class": share(right[part]),
            "kept": share(kept[part]),
            "kept, right": share(right[kept]),
            "easy screen, elders": share(easy_screen(elsewhere, DEFAULT_ELDER_FROM)[part & faces.elder]),
            "easy screen, adults": share(easy_screen(elsewhere, DEFAULT_ELDER_FROM)[part & ~faces.elder]),
        }
    return rows


def parliament(faces: Faces, predictions: Predictions, part: Mask) -> dict[str, Any]:
    """The members of Parliament, whose ages are unknown: gender, the share kept, the share called elder."""
    here = part & (faces.source == "uk_mps_2017") & faces.found
    return {
        "gender right": share(((predictions.female > 0.5) == faces.female)[here]),
        "kept": share((predictions.confidence >= 0.95)[here]),
        "called elder": share((predictions.elder > 0.5)[here]),
    }


def earlier(photos: Sequence[Photo], seen: Seen) -> tuple[Faces, Predictions, Mask]:
    """Cascade 1's answers, in the rows of `seen`, and which rows it was asked about."""
    with EARLIER.open(newline="") as file:
        answers = {(row["file"], row["condition"]): row for row in csv.DictReader(file)}
    rows = [
        answers.get((photos[index].file, condition), {"found": "0"})
        for index, condition in zip(seen.photo, seen.condition, strict=True)
    ]
    found = np.array([row["found"] == "1" for row in rows])
    columns = (
        np.array([float(row[name]) if row["found"] == "1" else np.nan for row in rows])
        for name in ("elder", "female", "confidence")
    )
    faces = Faces.of(photos, seen, np.zeros((len(rows), 1, 10), np.float32))
    asked = np.array(["file" in row for row in rows])
    return replace(faces, found=found), Predictions(*columns), asked


def of_the_finder(photos: Sequence[Photo], seen: Seen, model: Detector) -> dict[str, Any]:
    """Every figure of face detection, time and memory."""
    images = detection.portraits(photos)
    return {
        "model": asdict(read_manifest(DEFAULT_MANIFEST).model),
        "found by source": detection.found_by_source(photos, seen),
        "found by size": detection.found_by_size(images),
        "found by angle": detection.found_by_angle(images),
        "false faces": detection.false_faces(),
        "speed": detection.speed(model, images[0]),
        "memory": detection.memory(),
    }
