"""The report of all parts, and its tables in docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from day0.card import filled

FILE: Final = Path(__file__).with_name("report.json")
PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
MODES: Final = {"device": "model on the box", "cloud": "local cloud"}
HELD: Final = {
    "agent_mb": ("agent, resident, MB", "agent", 1e-3, "KB"),
    "model_mb": ("model on the box, resident, MB", "model", 1e-3, "KB"),
    "heap": ("page, heap of JavaScript, MB", "heap", 1e-3, "KB"),
    "nodes": ("page, DOM nodes", "nodes", 1, ""),
    "listeners": ("page, event listeners", "listeners", 1, ""),
}


def load() -> dict[str, Any]:
    """The figures of every part that was measured."""
    fields: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return fields


def write(parts: Mapping[str, Any]) -> None:
    """Replace these parts in the report, and the tables in the page."""
    report = {**load(), **parts}
    FILE.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables(report)), encoding="utf-8")


def tables(report: Mapping[str, Any]) -> dict[str, str]:
    """Each table of the page, in Markdown, by its marker; of the parts that were measured."""
    found = {}
    if modes := [mode for mode in MODES if mode in report]:
        found["kiosk arrivals"] = _arrivals(report, modes)
    if "memory" in report:
        found["kiosk memory"] = _memory(report["memory"])
    if "soak" in report:
        found["kiosk soak"] = _soak(report["soak"])
    return found


def _arrivals(report: Mapping[str, Any], modes: list[str]) -> str:
    rows = ["| milliseconds, p50 / p95 | " + " | ".join(f"{MODES[mode]}: elders | adults" for mode in modes) + " |"]
    rows.append("|---|" + "---:|" * (2 * len(modes)))
    groups = [report[mode][group] for mode in modes for group in ("elder", "adult")]

    def row(name: str, cells: list[str]) -> None:
        rows.append(f"| {name} | {' | '.join(cells)} |")

    row("arrivals, of them easy screen", [f"{group['arrivals']}, {group['easy']}" for group in groups])
    row("person appears → first photo", [_times(group["to_first_photo"]) for group in groups])
    for name, until, since in (
        ("**person appears → easy screen**", "changed", "person"),
        ("first photo → easy screen", "changed", "first_photo"),
        ("last photo → easy screen", "changed", "last_photo"),
        ("person appears → all answers are in", "decided", "person"),
        ("last photo → all answers are in", "decided", "last_photo"),
    ):
        row(name, [_times((group[until] or {}).get(since)) for group in groups])
    row("work of agent and model for one arrival", [_times(group["cpu"]) for group in groups])
    row("meanwhile they waited for a processor", [_times(group["waited"]) for group in groups])
    return "\n".join(rows)


def _times(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else f"{found['p50']:,} / {found['p95']:,}"


def _memory(part: Mapping[str, Any]) -> str:
    last = part["last"]["customers"]
    warm = part["warm"]["customers"]
    rows = [
        f"| | after {part['first']['customers']} customers | after {warm} | after {last} | growth a customer, 95 % |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, (title, slope, scale, unit) in HELD.items():
        megabytes = 1e-6 if name == "heap" else 1
        cells = [_number(part[when][name] * megabytes, name) for when in ("first", "warm", "last")]
        rows.append(f"| {title} | {' | '.join(cells)} | {_growth(part['growth'].get(slope), scale, unit)} |")
    return "\n".join(rows)


def _number(value: float, name: str) -> str:
    return f"{value:,.0f}" if name in ("nodes", "listeners") else f"{value:.1f}"


def _growth(found: Mapping[str, float] | None, scale: float, unit: str) -> str:
    if found is None:
        return "-"
    slope, low, high = (f"{found[name] * scale:.2f}".replace("-0.00", "0.00") for name in ("slope", "low", "high"))
    return f"{slope} {unit}".strip() + f" ({low} to {high})"


def _soak(part: Mapping[str, Any]) -> str:
    counts, held, orders = part["counts"], part["held"], part["orders"]
    began, ended = held["began"], held["ended"]
    of = lambda name: counts.get(name, 0)  # noqa: E731
    rows = {
        "shop time": f"{part['shop_s'] / 3600:.1f} h",
        "visits": f"{of('visits')}: {of('orders')} order, {of('hesitates')} hesitate until the page asks, "
        f"{of('abandons')} leave in the middle, {of('passes by')} touch nothing",
        "camera turned off and on": f"{of('camera off')}, {of('camera on')}",
        "labeller away and back": f"{of('labeller away')}, {of('labeller back')}",
        "numbers shown; their orders in the book exactly once": f"{orders['numbers']}; {orders['written_once']}",
        "answers to an order lost on the way": str(of("answers lost")),
        "errors on the console, unhandled rejections": str(len(part["errors"])),
        f"DOM nodes, listeners after {held['after']} visits and at the end": f"{began['nodes']:,}, "
        f"{began['listeners']} and {ended['nodes']:,}, {ended['listeners']}",
        "the page ends at": f"`{part['ends_at']}`",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
