"""Writes the tables of the YOLOs on real people into the model card, from bench/portraits_report.json.

python -m bench.portraits.card
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import getitem
from pathlib import Path
from typing import Any, Final

from day0 import card
from recipes.kiosk.labels import LABELS

REPORT: Final = Path(__file__).parents[1] / "portraits_report.json"
NAMES: Final = {"true-labels": "YOLOv5n, true labels", "auto-labels": "YOLOv5n, labels of day 0"}


def tables(report: Mapping[str, Any]) -> dict[str, str]:
    """The Markdown tables by their marker in the card."""
    return {"portraits": _figures(report), "portraits rules": _rules(report)}


def _figures(report: Mapping[str, Any]) -> str:
    """Day 0 and both runs on the composed scenes."""
    runs = report["runs"].values()
    judgements = [run["judgement"] for run in runs]
    models = [
        {**report["day 0"]["people"], **judgements[0]["incumbent"]},
        *({**run["people"], **run["judgement"]["candidate"]} for run in runs),
    ]
    people = judgements[0]["golden"]["people"]
    sizes = models[0]["found, by size"]

    def row(name: str, shown: Callable[[Any], str], *path: str) -> list[str]:
        return [name, *(shown(reduce(getitem, path, model)) for model in models)]

    rows = [
        row("found", _share, "found"),
        *(row(f"found, head {size}", _share, "found, by size", size) for size in sizes),
        row("people where there are none", str, "false people"),
        row("right label, of found", _share, "right, of found"),
        *(row(f"right label, of found, {label}", _share, "right, of found, by label", label) for label in LABELS),
        *(row(f"right label, of found, head {size}", _share, "right, of found, by size", size) for size in sizes),
        row("elders told elder, of found", _share, "elders told elder"),
        row("adults told elder, of found", _share, "adults told elder"),
        row("easy screen, elders", _share, "easy screen, elders"),
        row("easy screen, adults", _share, "easy screen, adults"),
        row("right label, of all people", _percent, "accuracy"),
        *(row(f"right label, of all {label} ({people[label]})", _percent, "right_by_group", label) for label in LABELS),
        row("mAP50, as served", _number, "compared", "map50"),
        row("mAP50-95, as served", _number, "compared", "map50_95"),
        row("mAP50 as `yolo val` counts", partial(_val, "map50"), "yolo_val"),
        row("mAP50-95 as `yolo val` counts", partial(_val, "map50_95"), "yolo_val"),
        row("photos kept at 0.95", _percent, "gate", "share"),
        row("right of the people in them", _kept, "gate"),
        row("calibration error, points", lambda ece: f"{100 * ece:.1f}", "calibration", "ece"),
        row("milliseconds a photo", lambda ms: f"{ms:.0f}", "ms"),
    ]
    head = f"on {judgements[0]['golden']['photos']} scenes with {sum(people.values())} people"
    return _table([head, "day 0", *(NAMES[run] for run in report["runs"])], rows)


def _rules(report: Mapping[str, Any]) -> str:
    """What the judge says of both runs."""
    checks = [{check["rule"]: check for check in run["judgement"]["checks"]} for run in report["runs"].values()]
    rows = [
        [f"`{rule}`", *(f"{'passes' if of[rule]['passes'] else '**fails**'}: {of[rule]['says']}" for of in checks)]
        for rule in checks[0]
    ]
    return _table(["rule", *(NAMES[run] for run in report["runs"])], rows)


def _share(share: Mapping[str, Any]) -> str:
    if not share["of"]:
        return "none"
    low, high = share["interval"]
    return f"{share['share']:.1%} ({low:.1%}–{high:.1%}, {share['yes']} of {share['of']})"


def _percent(estimate: Mapping[str, Any]) -> str:
    return _estimate(estimate, lambda number: f"{100 * number:.1f}%")


def _number(estimate: Mapping[str, Any]) -> str:
    return _estimate(estimate, lambda number: f"{number:.3f}")


def _estimate(estimate: Mapping[str, Any], written: Callable[[float], str]) -> str:
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if value is None:
        return "none"
    return written(value) if None in (low, high) else f"{written(value)} ({written(low)}–{written(high)})"


def _val(name: str, val: Mapping[str, Any]) -> str:
    return f"{val[name]:.3f}" if val["raw"] else "no YOLO"


def _kept(gate: Mapping[str, Any]) -> str:
    return f"{_percent(gate['precision'])}, {gate['right']} of {gate['people']}" if gate["people"] else "none is kept"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    card.CARD.write_text(card.filled(card.CARD.read_text(), tables(json.loads(REPORT.read_text()))))
