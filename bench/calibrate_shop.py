"""What `nunchi calibrate` is worth: simulated shops, each with a camera, before and after a calibration.

    python -m bench.calibrate_shop --data DATA --work FOLDER [--shops 30]

Customers are the elders and adults of the `test` splits of FairFace and the portraits: neither the networks nor the
shipped calibration have seen them. Each is photographed once by each camera, in a drawn shop of 320 x 320 pixels, and
asked about by the model that workers serve. A shop draws from them, at random, its reviewed people and its golden
people; everybody else is a customer to come, on whom before and after are measured. The reviewer is right.

A shop's golden photos decide, by the rules of the product, whether its calibration would serve. Figures of the
customers to come are sums and means over shops: of every fitted layer, whatever the ruling, and of what serves in the
end. Shops share people, so the spread over shops is no confidence interval.

`--work` keeps what the cameras saw, person by person; `--people` stops at a number of them. An idle processor takes
two minutes. Writes bench/calibrate_shop_report.json, and the table in docs/model-card.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from bench.calibrate_shop_table import DOCUMENT, MARK, REPORT, table
from contracts.boxes import Box, LabelledBox
from day0.card import filled
from day0.conditions import jpeg
from day0.photos import Photo, read_photos
from day0.scenes import background, with_people
from recipes.kiosk.labels import LABELS, Label
from retrain.judge.golden import GoldenPhoto
from retrain.judge.metrics import bootstrap_weights
from retrain.recalibration.evidence import answered_by, gain_out_of_fold
from retrain.recalibration.figures import LayerFigures, figures
from retrain.recalibration.fit import Example, fit
from retrain.recalibration.last_layer import LastLayer
from retrain.recalibration.run import RecalibrationSettings, judge
from worker.kiosk.cascade import Cascade
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Image

Random = np.random.Generator

ADULTS: Final = 190  # photographed by each camera; elders: all of them
SIDE: Final = 320  # pixels of a frame
SCENES: Final = 10
NEAR: Final = (140, 280)  # pixels: side of a portrait, of which the face is about a half
FAR: Final = (90, 150)
REVIEWED: Final = 0.38  # share of the elders, and of the adults, whom a shop has reviewed
GOLDEN: Final = 0.35
SETTINGS: Final = RecalibrationSettings(draws=300)
HEAD: Final = Box(0.4, 0.4, 0.6, 0.6)  # every person stands alone: the matching of boxes is not simulated


def shipped(image: Image, random: Random) -> Image:
    """As the shipped calibration knows cameras."""
    return jpeg(_frame(image, NEAR, random), int(random.integers(70, 95)))


def bright(image: Image, random: Random) -> Image:
    """Over-exposed by 1.6 to 2.4, cut off at white."""
    light = _frame(image, NEAR, random).astype(np.float32) * random.uniform(1.6, 2.4)
    return jpeg(np.clip(light, 0, 255).astype(np.uint8), int(random.integers(70, 95)))


def soft(image: Image, random: Random) -> Image:
    """Out of focus by two to three pixels, strongly compressed."""
    return _soft(_frame(image, NEAR, random), random.uniform(2, 3))


def poor(image: Image, random: Random) -> Image:
    """Half the size, over-exposed by 1.6, out of focus by a pixel, strongly compressed."""
    light = _frame(image, FAR, random).astype(np.float32) * 1.6
    return _soft(np.clip(light, 0, 255).astype(np.uint8), 1.0)


CAMERAS: Final[Mapping[str, Callable[[Image, Random], Image]]] = {
    "as shipped": shipped,
    "over-exposed": bright,
    "out of focus": soft,
    "small, bright, soft": poor,
}


@cache
def _scene(seed: int) -> Pillow.Image:
    return background(seed, (SIDE, SIDE))


def _frame(image: Image, sides: tuple[int, int], random: Random) -> Image:
    """The person in a drawn shop, the portrait's shorter side in `sides`."""
    zoom = float(np.exp(random.uniform(*np.log(sides)))) / min(image.shape[:2])
    size = round(image.shape[1] * zoom), min(SIDE, round(image.shape[0] * zoom))
    portrait = Pillow.fromarray(image).resize(size, Pillow.Resampling.LANCZOS)
    left, top = (int(random.integers(0, SIDE - side + 1)) for side in size)
    return with_people(_scene(int(random.integers(SCENES))), [(portrait, left, top)])


def _soft(image: Image, radius: float) -> Image:
    return jpeg(np.asarray(Pillow.fromarray(image).filter(ImageFilter.GaussianBlur(radius))), 25)


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
    """All elders of the test splits, and ADULTS adults of known age, mixed, in an order drawn by a fixed seed."""
    random = np.random.default_rng(0)
    photos = [photo for photo in read_photos(data) if photo.split == "test" and photo.age_low is not None]
    elders, adults = ([photo for photo in photos if photo.age_group == group] for group in ("elder", "adult"))
    chosen = [*elders, *(adults[index] for index in random.permutation(len(adults))[:ADULTS])]
    return [chosen[index] for index in random.permutation(len(chosen))]


def look(data: Path, work: Path, people: int | None, cascade: Cascade) -> dict[str, list[Customer]]:
    """Every person once before each camera; kept in `work`, so that an interrupted run goes on."""
    kept = work / "seen.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    with kept.open("a") as file:
        for number, photo in list(enumerate(sitters(data)))[len(lines) : people]:
            image, random = photo.read(), np.random.default_rng(number)
            odds = {camera: _odds(cascade, take(image, random)) for camera, take in CAMERAS.items()}
            truth = Label.of(elder=photo.elder, female=photo.female)
            file.write(json.dumps({"name": photo.file, "truth": truth, "odds": odds}) + "\n")
            file.flush()
    rows = [json.loads(line) for line in kept.read_text().splitlines()[:people]]
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


def measured(people: Sequence[Customer], layer: LastLayer, calibration: Mapping[str, Any]) -> LayerFigures:
    """The figures of a layer on these people, without draws."""
    photos = [person.photo() for person in people]
    found = [place for place, person in enumerate(people) if person.log_odds]
    answered = answered_by([layer] * len(found), [people[place].example() for place in found], calibration, found)
    draws = bootstrap_weights(photos, draws=1, seed=0)
    return figures(photos, answered, draws, gate=SETTINGS.gate, elder_from=SETTINGS.elder_from)


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


def shop(people: Sequence[Customer], seed: int, calibration: Mapping[str, Any]) -> dict[str, Any]:
    """One shop: who is reviewed, who is golden, and who is to come, by the seed."""
    random = np.random.default_rng(seed)
    learn: list[Customer] = []
    check: list[Customer] = []
    come: list[Customer] = []
    for elder in (True, False):
        group = [people[index] for index in random.permutation(len(people)) if people[index].truth.elder is elder]
        fitted, judging = round(REVIEWED * len(group)), round(GOLDEN * len(group))
        learn += group[:fitted]
        check += group[fitted : fitted + judging]
        come += group[fitted + judging :]

    found = [person for person in learn if person.log_odds]
    examples, photos = [person.example() for person in found], [person.photo() for person in found]
    layer = fit(examples, calibration)
    draws = bootstrap_weights(photos, draws=SETTINGS.draws, seed=0)
    gain = gain_out_of_fold(photos, examples, calibration, draws=draws)
    places = [place for place, person in enumerate(check) if person.log_odds]
    judging_on = [check[place].example() for place in places]
    after, before = (
        answered_by([each] * len(places), judging_on, calibration, places) for each in (layer, LastLayer())
    )
    ruling = judge([person.photo() for person in check], after, before, settings=SETTINGS).ruling
    fitted_now, as_before = (numbers(measured(come, each, calibration)) for each in (layer, LastLayer()))
    serves = ruling.promoted and gain.value > 0
    return {
        "layer": layer.fields(),
        "rule": ruling.rule if gain.value > 0 else "no_gain",
        "before": as_before,
        "fitted": fitted_now,
        "serves": fitted_now if serves else as_before,
    }


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
    people = next(iter(seen.values()))
    elders = sum(person.truth.elder for person in people)
    parts = {
        name: {"elders": round(share * elders), "adults": round(share * (len(people) - elders))}
        for name, share in (("reviewed", REVIEWED), ("golden", GOLDEN))
    }
    return {
        "model": calibration_name(),
        "gate": SETTINGS.gate,
        "elder_from": SETTINGS.elder_from,
        "people": {"elders": elders, "adults": len(people) - elders},
        **parts,
        "cameras": {
            camera: {
                "found": [sum(person.log_odds is not None for person in customers), len(customers)],
                **summary([shop(customers, seed, calibration) for seed in range(shops)]),
            }
            for camera, customers in seen.items()
        },
    }


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
    parser.add_argument("--people", type=int, help="people before the cameras; default: all")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    cascade = load_detector(DEFAULT_MANIFEST)
    assert isinstance(cascade, Cascade)
    seen = look(asked.data, asked.work, asked.people, cascade)
    report = study(seen, asked.shops, json.loads(DEFAULT_MANIFEST.read_bytes())["calibration"])
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), {MARK: table(report)}))
    print(table(report))


if __name__ == "__main__":
    main()
