"""Writes the table of the portraits' two trainings into the model card, from bench/portraits_report.json.

python -m bench.portraits_card
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from contracts.labels import LABELS, Label
from day0 import card

ROOT: Final = Path(__file__).parents[1]
REPORT: Final = ROOT / "bench" / "portraits_report.json"
MARK: Final = "portraits"
_MODELS: Final = ("day 0", "turn 1", "turn 2")


def table(report: Mapping[str, Any]) -> str:
    """The Markdown table: day 0 and both turns on the test portraits."""
    turns = report["on_test"]
    models = [turns[0]["incumbent"], *(turn["candidate"] for turn in turns)]
    people = turns[0]["golden"]["people"]

    def row(name: str, value: Callable[[Mapping[str, Any]], str]) -> str:
        return f"| {name} | " + " | ".join(value(model) for model in models) + " |"

    rows = [
        row("mAP50, as served", lambda model: _share(model["compared"]["map50"], percent=False)),
        row("mAP50-95, as served", lambda model: _share(model["compared"]["map50_95"], percent=False)),
        row("mAP50 as `yolo val` counts", lambda model: _val(model, "map50")),
        row("mAP50-95 as `yolo val` counts", lambda model: _val(model, "map50_95")),
        row("right label, of all people", lambda model: _share(model["accuracy"])),
        *(row(f"right label, {label} ({people[label]})", partial(_right, label)) for label in LABELS),
        row("photos kept at 0.95", lambda model: _share(model["gate"]["share"])),
        row("right of those kept", _kept),
        row("calibration error, points", lambda model: f"{100 * model['calibration']['ece']:.1f}"),
        row("milliseconds a photo", lambda model: f"{model['ms']:.0f}"),
    ]
    return "\n".join(
        [f"| on {turns[0]['golden']['photos']} test portraits | {' | '.join(_MODELS)} |", "|---" * 4 + "|", *rows]
    )


def _share(estimate: Mapping[str, Any], *, percent: bool = True) -> str:
    if estimate["value"] is None:
        return "none"
    numbers = [estimate[name] for name in ("value", "low", "high")]
    if None in numbers:
        return f"{100 * numbers[0]:.1f}%" if percent else f"{numbers[0]:.3f}"
    value, low, high = (f"{100 * number:.1f}%" if percent else f"{number:.3f}" for number in numbers)
    return f"{value} ({low}–{high})"


def _right(label: Label, model: Mapping[str, Any]) -> str:
    return _share(model["right_by_group"][label])


def _val(model: Mapping[str, Any], name: str) -> str:
    return f"{model['yolo_val'][name]:.3f}" if model["yolo_val"]["raw"] else "no YOLO"


def _kept(model: Mapping[str, Any]) -> str:
    gate = model["gate"]
    return f"{_share(gate['precision'])}, {gate['right']} of {gate['people']}" if gate["people"] else "none is kept"


if __name__ == "__main__":
    card.CARD.write_text(card.filled(card.CARD.read_text(), {MARK: table(json.loads(REPORT.read_text()))}))
