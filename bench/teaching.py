"""What teaches: the wrong auto-labels of simulated shops, before and after each rule of the guard.

    python -m bench.teaching --data DATA [--second MANIFEST] [--split val]

Customers are the elders and adults of DATA/fairface, whose age and gender are known: each once, before a drawn counter,
at a drawn distance. In every shop all elders of the split come, and so many adults, drawn by a fixed seed, that elders
have the stated share. The model of day 0 labels the photos, and the worker's own `decide` and the dataset's own rules
decide which of them teach.

The gates by label need checked photos. The reviewer here knows the true labels and checks one half of the auto photos,
a second one the other half; the gates of each half are applied to the other, so no photo is judged by its own check.
The cap by checked labels is not simulated: it bounds numbers, not shares, and 500 photos are below it.

`--second` is a second network, as day 0 is to a YOLOv5; without one its rule is left out. Two processors take two
minutes when they have nothing else to do. Writes bench/teaching_report.json, and the table in docs/data-people.md.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
from PIL import Image as Pillow

from bench.teaching_table import DOCUMENT, MARK, REPORT, table
from contracts.boxes import LabelledBox
from contracts.gate import DEFAULT_GATE
from contracts.messages import DatasetTree
from contracts.names import Reference, new_image_id
from day0.card import filled
from day0.scenes import FRAME, background, with_people
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from recipes.kiosk.teaching import most_elder, quiet_elder
from retrain.bucket import Tree
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.vetting.label_errors import find_label_errors
from retrain.dataset.vetting.label_gates import label_gates
from retrain.intervals import exact
from retrain.judge.predictions import PredictedPerson
from retrain.review.notes import Note, ReviewedPerson
from worker.kiosk.decision import decide
from worker.kiosk.detector import Detector
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Image
from worker.photos.rules import Thresholds

SHARES: Final = (0.2, 0.4)  # of elders among the customers
LIMITS: Final = (0.05, 0.02, 0.01, 0.005, 0.002)  # of P(elder), to see what another limit would do
HEADS: Final = (220, 420)  # pixels of a portrait's side in the frame
COUNTERS: Final = 20
SEED: Final = 0
THRESHOLDS: Final = Thresholds(gate=DEFAULT_GATE, unsure_below=0.5, review_share=0.0)
DAY: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Customer:
    """A portrait with its true label, and the shard that holds it."""

    file: str
    shard: str
    truth: Label


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo: who stands there, and what the model and the second network see."""

    reference: Reference
    truth: Label
    people: tuple[Person, ...]
    second: tuple[Person, ...] | None

    @property
    def said(self) -> Label:
        return self.people[0].label

    @property
    def labels(self) -> list[LabelledBox]:
        return [LabelledBox(person.label, person.box, person.confidence) for person in self.people]


def customers(data: Path, split: str) -> list[Customer]:
    """The elders and adults of a split, in a drawn order."""
    with (data / "fairface" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["age_group"] in ("elder", "adult")]
    found = [
        Customer(
            row["file"], row["shard"], Label.of(elder=row["age_group"] == "elder", female=row["gender"] == "female")
        )
        for row in rows
    ]
    return [found[index] for index in np.random.default_rng(SEED).permutation(len(found))]


def shop(people: Sequence[Customer], share: float) -> list[Customer]:
    """All elders, and the first adults until elders have that share."""
    elders = [person for person in people if person.truth.elder]
    adults = [person for person in people if not person.truth.elder]
    return [*elders, *adults[: round(len(elders) * (1 - share) / share)]]


def frame(data: Path, customer: Customer, number: int, counters: Sequence[Pillow.Image]) -> Image:
    """The customer at a counter; the same number draws the same place."""
    random = np.random.default_rng([SEED, number])
    with ZipFile(data / "fairface" / customer.shard) as shard:
        side = int(random.integers(*HEADS))
        portrait = Pillow.open(io.BytesIO(shard.read(customer.file))).convert("RGB")
    portrait = portrait.resize((side, side), Pillow.Resampling.BICUBIC)
    left = int(random.integers(FRAME[0] // 4, 3 * FRAME[0] // 4 - side))
    top = int(random.integers(60, FRAME[1] - side))
    return with_people(counters[number % len(counters)], [(portrait, left, top)])


def look(data: Path, people: Sequence[Customer], detector: Detector, second: Detector | None) -> dict[Customer, Seen]:
    """Every customer photographed once and detected once, for all shops."""
    counters = [background(seed) for seed in range(COUNTERS)]

    def one(number: int) -> Seen:
        photo = frame(data, people[number], number, counters)
        moment = DAY + timedelta(minutes=2 * number)
        reference = Reference("counter", new_image_id(moment, number.to_bytes(10)))
        [found] = detector.detect([photo])
        other = None if second is None else tuple(second.detect([photo])[0])
        return Seen(reference, people[number].truth, tuple(found), other)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(people, pool.map(one, range(len(people))), strict=True))


def auto(photos: Iterable[Seen], *, answers: bool) -> list[Seen]:
    """The photos that the worker's decision makes training data; without `answers`, as before that rule."""
    kept = []
    for photo in photos:
        people = photo.people if answers else tuple(replace(person, answers=None) for person in photo.people)
        decision = decide(photo.reference, people, THRESHOLDS)
        if decision.training is DatasetTree.AUTO and len(people) == 1:  # a second face is a fault of the finder
            kept.append(replace(photo, people=(replace(decision.people[0], answers=photo.people[0].answers),)))
    return kept


def uncontradicted(photos: Iterable[Seen]) -> list[Seen]:
    """The photos without a label error by the second network."""
    sure = DatasetSettings().sure

    def error(photo: Seen) -> str | None:
        if photo.second is None:
            return None
        predicted = [PredictedPerson(person.label, person.confidence, person.box.corners) for person in photo.second]
        return find_label_errors(photo.labels, predicted, sure=sure, rare=PEOPLE.rare)

    return [photo for photo in photos if error(photo) is None]


def through_label_gates(photos: Sequence[Seen], checked: Sequence[Seen]) -> tuple[list[Seen], list[dict[str, Any]]]:
    """The photos that pass the gates of their labels, by the checks of the other half; and the gates of each half."""
    halves = [[photo for place, photo in enumerate(checked) if place % 2 == half] for half in (0, 1)]
    kept: list[Seen] = []
    gates: list[dict[str, Any]] = []
    for half, other in (halves, halves[::-1]):
        found = label_gates(map(_note, half), THRESHOLDS.gate, classes=LABELS)
        judged = {photo.reference for photo in other}
        kept += [photo for photo in photos if photo.reference in judged and found.refusal(photo.labels) is None]
        gates.append({"checked": len(half), "raised": dict(found.raised)})
    return kept, gates


def _note(photo: Seen) -> Note:
    shown = tuple(ReviewedPerson(person, photo.truth) for person in photo.labels)
    return Note(source=Tree.AUTO, sample=True, shown=shown, changed=(), checked_at=DAY)


def figures(photos: Sequence[Seen]) -> dict[str, Any]:
    """Who teaches, and who teaches wrong: in all, by true label and by said label; each with its exact interval."""

    def wrong(some: Sequence[Seen]) -> dict[str, Any]:
        count = sum(photo.said is not photo.truth for photo in some)
        return _share(count, len(some))

    elders = [photo for photo in photos if photo.truth.elder]
    return {
        "wrong": wrong(photos),
        "elders_as_adults": _share(sum(not photo.said.elder for photo in elders), len(elders)),
        "by_true_label": {label: wrong([photo for photo in photos if photo.truth is label]) for label in LABELS},
        "by_said_label": {label: wrong([photo for photo in photos if photo.said is label]) for label in LABELS},
        "errors": {
            f"{truth} as {said}": count
            for (truth, said), count in sorted(
                Counter((photo.truth, photo.said) for photo in photos if photo.said is not photo.truth).items()
            )
        },
    }


def _share(count: int, total: int) -> dict[str, Any]:
    low, high = exact(count, total)
    return {"count": count, "of": total, "low": round(low, 4), "high": round(high, 4)}


def study(photos: Sequence[Seen]) -> dict[str, Any]:
    """One shop: each rule alone on what passed the gate, then all of them."""
    before = auto(photos, answers=False)
    quiet = auto(photos, answers=True)
    gated, gates = through_label_gates(before, before)
    after = uncontradicted(quiet)
    all_gated, all_gates = through_label_gates(after, after)
    steps: dict[str, list[Seen] | None] = {
        "gate alone": before,
        "quiet elders": quiet if any(photo.people[0].answers for photo in before) else None,
        "second network": uncontradicted(before) if any(photo.second is not None for photo in before) else None,
        "gates by label": gated,
        "all": all_gated,
    }
    limits: Mapping[str, Callable[[Seen], bool]] = {
        f"{limit:g}": lambda photo, limit=limit: not quiet_elder(photo.said, photo.people[0].answers, limit)
        for limit in LIMITS
    }
    return {
        "customers": dict(Counter(photo.truth for photo in photos)),
        "found": sum(len(photo.people) == 1 for photo in photos),
        "steps": {name: figures(kept) if kept is not None else None for name, kept in steps.items()},
        "gates": {"gates by label": gates, "all": all_gates},
        "most_elder": {name: figures([photo for photo in before if keep(photo)]) for name, keep in limits.items()},
    }


def measure(data: Path, split: str, detector: Detector, second: Detector | None) -> dict[str, Any]:
    """The report: every shop."""
    people = customers(data, split)
    shops = {share: shop(people, share) for share in SHARES}
    needed = list(dict.fromkeys(person for several in shops.values() for person in several))
    seen = look(data, needed, detector, second)
    return {
        "model": str(detector.model),
        "second": None if second is None else str(second.model),
        "split": split,
        "gate": THRESHOLDS.gate,
        "most_elder": most_elder(THRESHOLDS.gate),
        "shops": {f"{share:g}": study([seen[person] for person in several]) for share, several in shops.items()},
    }


def main() -> None:
    """Measure, and write the report and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds fairface/")
    parser.add_argument("--second", type=Path, help="manifest of the second network")
    parser.add_argument("--split", default="val", help="split of fairface/manifest.csv")
    asked = parser.parse_args()
    second = None if asked.second is None else load_detector(asked.second)
    report = measure(asked.data, asked.split, load_detector(DEFAULT_MANIFEST), second)
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), {MARK: table(report)}))
    print(table(report))


if __name__ == "__main__":
    main()
