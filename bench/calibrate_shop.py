"""What `nunchi calibrate` is worth: simulated shops, each with a camera, before and after a calibration.

    python -m bench.calibrate_shop --data DATA --work FOLDER [--shops 30]

Customers are the elders and adults of the `test` splits of FairFace and the portraits: neither the networks nor the
shipped calibration have seen them. Each is photographed once by each camera, in a drawn shop (day0.conditions). A shop
draws from them, at random, its reviewed people and its golden people; everybody else is a customer to come, on whom
before and after are measured. Both draws have the stated share of elders; the reviewer is right.

A shop's golden photos decide, by the rules of the product, whether its calibration would serve. Figures of the
customers to come are means over shops: of every fitted layer, whatever the ruling, and of what serves in the end.
Shops share people, so the spread over shops is no confidence interval.

`--work` keeps what the cameras saw. An idle processor takes some minutes. Writes bench/calibrate_shop_report.json, and the
table in docs/model-card.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from bench.calibrate_shop_table import DOCUMENT, MARK, REPORT, table
from contracts.boxes import Box, LabelledBox
from contracts.gate import DEFAULT_GATE, ELDER_SHARE
from contracts.labels import LABELS, Label
from day0.card import filled
from day0.conditions import jpeg, placed
from day0.evidence import central
from day0.finder import face_finder
from day0.photos import Photo, read_photos
from retrain.judge.golden import GoldenPhoto
from retrain.judge.metrics import bootstrap_weights
from retrain.recalibration.evidence import answered_by, gain_out_of_fold
from retrain.recalibration.figures import LayerFigures, figures
from retrain.recalibration.fit import Example, fit, weight_of_elders
from retrain.recalibration.last_layer import LastLayer
from retrain.recalibration.run import RecalibrationSettings, judge
from worker.models.cascade import Cascade
from worker.models.detector import Image
from worker.models.faces import Face
from worker.models.loading import DEFAULT_MANIFEST, load_detector

Random = np.random.Generator

ADULTS: Final = 210  # photographed by each camera; elders: all of them
WIDE: Final = (70, 260)  # pixels: a face of the shipped camera
SIZES: Final = {"60 reviewed": (24, 36), "130 reviewed": (52, 78)}  # elders and adults who are reviewed
GOLDEN: Final = (36, 54)
FEW_ELDERS: Final = 0.2  # another share of elders, to see what it costs to state it or not
FEW: Final = (
    20,
    80,
)  # elders and adults who are reviewed there, and as many golden ones: as few elders as the rules allow
SETTINGS: Final = RecalibrationSettings(draws=300)
HEAD: Final = Box(0.4, 0.4, 0.6, 0.6)  # every person stands alone: the matching of boxes is not simulated


def shipped(image: Image, face: Face, random: Random) -> Image:
    """As the shipped calibration knows shops."""
    return placed(image, face, _width(*WIDE, random), random)


def bright(image: Image, face: Face, random: Random) -> Image:
    """Over-exposed by 1.6 to 2.4, cut off at white."""
    scene = shipped(image, face, random).astype(np.float32) * random.uniform(1.6, 2.4)
    return np.asarray(np.clip(scene, 0, 255), dtype=np.uint8)


def soft(image: Image, face: Face, random: Random) -> Image:
    """Out of focus by 4 to 7 % of a face, strongly compressed."""
    width = _width(*WIDE, random)
    scene = Pillow.fromarray(placed(image, face, width, random))
    return jpeg(np.asarray(scene.filter(ImageFilter.GaussianBlur(width * random.uniform(0.04, 0.07) / 2))), 25)


def poor(image: Image, face: Face, random: Random) -> Image:
    """Faces of 40 to 80 pixels, over-exposed by 1.6, out of focus, strongly compressed."""
    width = _width(40, 80, random)
    scene = np.clip(placed(image, face, width, random).astype(np.float32) * 1.6, 0, 255).astype(np.uint8)
    return jpeg(np.asarray(Pillow.fromarray(scene).filter(ImageFilter.GaussianBlur(width * 0.02))), 25)


CAMERAS: Final[Mapping[str, Callable[[Image, Face, Random], Image]]] = {
    "as shipped": shipped,
    "over-exposed": bright,
    "out of focus": soft,
    "small, bright, soft": poor,
}


@dataclass(frozen=True, slots=True)
class Customer:
    """A person before one camera: the log-odds of the shipped model, or None where it finds nobody."""

    name: str
    truth: Label
    log_odds: tuple[float, float] | None

    def example(self) -> Example:
        assert self.log_odds is not None
        return Example(self.name, *self.log_odds, self.truth)

    def photo(self) -> GoldenPhoto:
        return GoldenPhoto(Path(self.name), self.name, (LabelledBox(self.truth, HEAD),))


def sitters(data: Path) -> list[Photo]:
    """All elders of the test splits, and ADULTS adults of known age, drawn by a fixed seed."""
    photos = [photo for photo in read_photos(data) if photo.split == "test" and photo.age_low is not None]
    elders = [photo for photo in photos if photo.age_group == "elder"]
    adults = [photo for photo in photos if photo.age_group == "adult"]
    chosen = np.random.default_rng(0).permutation(len(adults))[:ADULTS]
    return [*elders, *(adults[index] for index in sorted(chosen))]


def look(data: Path, work: Path, cascade: Cascade) -> dict[str, list[Customer]]:
    """Every person once before each camera; kept in `work` person by person, so that an interrupted run goes on."""
    kept = work / "seen.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    finder = face_finder(at_least=0.2)
    with kept.open("a") as file:
        for number, photo in enumerate(sitters(data)[len(lines) :], start=len(lines)):
            image = photo.read()
            face = central(finder.find(image), image)
            random = np.random.default_rng(number)
            odds = {camera: face and _odds(cascade, take(image, face, random)) for camera, take in CAMERAS.items()}
            truth = Label.of(elder=photo.elder, female=photo.female)
            file.write(json.dumps({"name": photo.file, "truth": truth, "odds": odds}) + "\n")
            file.flush()
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    return {
        camera: [
            Customer(row["name"], Label(row["truth"]), tuple(row["odds"][camera]) if row["odds"][camera] else None)
            for row in rows
        ]
        for camera in CAMERAS
    }


def _odds(cascade: Cascade, image: Image) -> tuple[float, float] | None:
    [found] = cascade.detect_with_log_odds([image])
    # In a drawn shop there is one person; a second face is the finder's fault.
    best = max(found, key=lambda one: one.person.confidence, default=None)
    return None if best is None else (round(best.elder, 4), round(best.female, 4))


def measured(
    people: Sequence[Customer], layer: LastLayer, calibration: Mapping[str, Any], *, elder_weight: float = 1.0
) -> LayerFigures:
    """The figures of a layer on these people, without draws."""
    photos = [person.photo() for person in people]
    found = [place for place, person in enumerate(people) if person.log_odds]
    examples = [people[place].example() for place in found]
    answered = answered_by([layer] * len(examples), examples, calibration, found)
    return figures(
        photos,
        answered,
        bootstrap_weights(photos, draws=1, seed=0),
        gate=SETTINGS.gate,
        elder_from=SETTINGS.elder_from,
        elder_weight=elder_weight,
    )


def numbers(of: LayerFigures) -> dict[str, Any]:
    """What the table shows: shares as counts, so that they add up over shops."""
    kept = {label: (share.count, share.total) for label, share in of.gate.items()}
    return {
        "log_loss": float(of.total[0]),
        "ece": float(of.ece[0]),
        "right": (of.right.count, of.right.total),
        "elders_told": (of.elders_told.count, of.elders_told.total),
        "easy_elders": (of.easy_elders.count, of.easy_elders.total),
        "easy_adults": (of.easy_adults.count, of.easy_adults.total),
        "kept": (sum(total for _, total in kept.values()), sum(of.said.values())),
        "kept_right": (sum(count for count, _ in kept.values()), sum(total for _, total in kept.values())),
        "kept_elders_right": tuple(sum(kept[str(label)][part] for label in LABELS if label.elder) for part in (0, 1)),
    }


def shop(
    people: Sequence[Customer],
    seed: int,
    *,
    reviewed: tuple[int, int],
    golden: tuple[int, int],
    calibration: Mapping[str, Any],
    stated: float | None = None,
    come_share: float = ELDER_SHARE,
) -> dict[str, Any]:
    """One shop. `stated`: the share of elders that the operator states, None for what the model assumes."""
    random = np.random.default_rng(seed)
    groups = [
        [people[index] for index in random.permutation(len(people)) if people[index].truth.elder is elder]
        for elder in (True, False)
    ]
    learn: list[Customer] = []
    check: list[Customer] = []
    for group, to_fit, to_judge in zip(groups, reviewed, golden, strict=True):
        learn += group[:to_fit]
        check += group[to_fit : to_fit + to_judge]
    elders, adults = (
        group[to_fit + to_judge :] for group, to_fit, to_judge in zip(groups, reviewed, golden, strict=True)
    )
    come = _of_share(elders, adults, come_share)

    weight = weight_of_elders(stated or ELDER_SHARE, ELDER_SHARE)
    found = [person for person in learn if person.log_odds]
    examples = [person.example() for person in found]
    layer = fit(examples, calibration, elder_weight=weight)
    photos = [person.photo() for person in found]
    draws = bootstrap_weights(photos, draws=SETTINGS.draws, seed=0)
    gain = gain_out_of_fold(photos, examples, calibration, draws=draws, elder_weight=weight)
    judging = [person for person in check if person.log_odds]
    places = [place for place, person in enumerate(check) if person.log_odds]
    after, before = (
        answered_by([each] * len(judging), [person.example() for person in judging], calibration, places)
        for each in (layer, LastLayer())
    )
    ruling = judge([person.photo() for person in check], after, before, settings=SETTINGS, elder_weight=weight).ruling
    serves = ruling.promoted and gain.value > 0
    fitted, as_before = (numbers(measured(come, each, calibration)) for each in (layer, LastLayer()))
    return {
        "layer": layer.fields(),
        "gain": gain.value,
        "rule": ruling.rule if gain.value > 0 else "no_gain",
        "broken": [check.rule for check in ruling.checks if not check.passes],
        "before": as_before,
        "fitted": fitted,
        "serves": fitted if serves else as_before,
    }


def _of_share(elders: Sequence[Customer], adults: Sequence[Customer], share: float) -> list[Customer]:
    """As many of both as the share allows."""
    whole = min(len(elders) / share, len(adults) / (1 - share))
    return [*elders[: round(whole * share)], *adults[: round(whole * (1 - share))]]


def summary(shops: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over shops, and how many shops had each rule."""
    rules = [shop["rule"] for shop in shops]
    columns: dict[str, Any] = {}
    for column in ("before", "fitted", "serves"):
        rows = [shop[column] for shop in shops]
        columns[column] = {
            name: round(float(np.mean([row[name] for row in rows])), 5)
            if isinstance(rows[0][name], float)
            else [sum(row[name][part] for row in rows) for part in (0, 1)]
            for name in rows[0]
        }
    change = np.array([shop["fitted"]["log_loss"] - shop["before"]["log_loss"] for shop in shops])
    return {
        "shops": len(shops),
        "rules": {rule: rules.count(rule) for rule in sorted(set(rules))},
        "better_for_customers": int((change < 0).sum()),
        "log_loss_change": {"least": round(float(change.min()), 4), "most": round(float(change.max()), 4)},
        "age": {
            part: round(float(np.mean([shop["layer"]["elder"][part] for shop in shops])), 3)
            for part in ("shift", "scale")
        },
        **columns,
    }


def study(seen: Mapping[str, Sequence[Customer]], shops: int, calibration: Mapping[str, Any]) -> dict[str, Any]:
    """The report."""
    report: dict[str, Any] = {
        "model": calibration_name(),
        "gate": DEFAULT_GATE,
        "elder_from": SETTINGS.elder_from,
        "golden": {"elders": GOLDEN[0], "adults": GOLDEN[1]},
        "cameras": {},
        "few_share": FEW_ELDERS,
        "few_reviewed": sum(FEW),
        "few_elders": {},
    }
    for camera, people in seen.items():
        report["cameras"][camera] = {
            "found": [sum(person.log_odds is not None for person in people), len(people)],
            "sizes": {
                name: summary(
                    [shop(people, seed, reviewed=size, golden=GOLDEN, calibration=calibration) for seed in range(shops)]
                )
                for name, size in SIZES.items()
            },
        }
    for name, stated in (("not stated", None), ("stated", FEW_ELDERS)):
        shops_of = [
            shop(
                seen["as shipped"],
                seed,
                reviewed=FEW,
                golden=FEW,
                calibration=calibration,
                stated=stated,
                come_share=FEW_ELDERS,
            )
            for seed in range(shops)
        ]
        report["few_elders"][name] = summary(shops_of)
    return report


def calibration_name() -> str:
    """Name and version of the shipped model."""
    fields = json.loads(DEFAULT_MANIFEST.read_bytes())
    return f"{fields['name']} {fields['version']}"


def main() -> None:
    """Measure, and write the report and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, photos/ and fairface/")
    parser.add_argument("--work", type=Path, required=True, help="folder for what the cameras saw")
    parser.add_argument("--shops", type=int, default=30, help="shops of each camera")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    cascade = load_detector(DEFAULT_MANIFEST)
    assert isinstance(cascade, Cascade)
    seen = look(asked.data, asked.work, cascade)
    report = study(seen, asked.shops, json.loads(DEFAULT_MANIFEST.read_bytes())["calibration"])
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), {MARK: table(report)}))
    print(table(report))


def _width(low: float, high: float, random: Random) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


if __name__ == "__main__":
    main()
