"""The tables of docs/voice-card.md, from bench/voice/report.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from day0.card import filled
from retrain.intervals import wilson

FILE: Final = Path(__file__).with_name("report.json")
CARD: Final = Path(__file__).parents[2] / "docs" / "voice-card.md"
WAYS: Final = {
    "guess": "MFCC + CNN",
    "baseline": "MFCC + CNN, if sure",
    "heads": "heads alone",
    "grammar": "grammar alone",
    "both": "as shipped",
}


def load() -> dict[str, Any]:
    """The report of the last measurement."""
    fields: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return fields


def write(report: Mapping[str, Any]) -> None:
    """Update the card."""
    CARD.write_text(filled(CARD.read_text(encoding="utf-8"), tables(report)), encoding="utf-8")


def tables(report: Mapping[str, Any]) -> dict[str, str]:
    """Each table of the card, in Markdown, by its marker."""
    said = {name: group for name, group in report["groups"].items() if "quiet" in name or "shop" in name}
    other = {name: group for name, group in report["groups"].items() if name not in said}
    return {"in short": _short(said), "recall": _recall(said), "false accepts": _false(other), "cost": _cost(report)}


def _short(groups: Mapping[str, Any]) -> str:
    def parts(name: str) -> tuple[str, str]:
        counts, clips = groups[name]["both"], groups[name]["clips"]
        return f"{100 * counts['right'] / clips:.0f} %", f"{100 * counts['wrong'] / clips:.0f} %"

    (heard, wrong), (shop, shop_wrong) = parts("dish, quiet"), parts("dish, shop")
    return (
        f"In a quiet room {heard} of the names of dishes were heard, and {wrong} were taken for another word;\n"
        f"with five people talking behind, 10 dB below, {shop} and {shop_wrong}."
    )


def _recall(groups: Mapping[str, Any]) -> str:
    rows = ["| said | clips | " + " | ".join(f"{name}: right, wrong, cancelled" for name in WAYS.values()) + " |"]
    rows.append("|---" * (2 + len(WAYS)) + "|")
    for name, group in groups.items():
        cells = [_heard(way, name, group) for way in WAYS]
        rows.append(f"| {name} | {group['clips']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _heard(way: str, name: str, group: Mapping[str, Any]) -> str:
    if way in ("guess", "baseline", "heads") and name.startswith("dish"):
        return "not taught"
    counts, clips = group[way], group["clips"]
    part = f", dish without its count {counts['part']}" if counts["part"] else ""
    return f"{_share(counts['right'], clips)}, {counts['wrong']}, {counts['cancelled']}{part}"


def _false(groups: Mapping[str, Any]) -> str:
    ways = " | ".join(f"{name}: accepted, cancelled" for name in WAYS.values())
    rows = [f"| heard, in the state | listenings | seconds | {ways} | accepted an hour, as shipped |"]
    rows.append("|---" * (4 + len(WAYS)) + "|")
    for name, group in groups.items():
        cells = [f"{_share(group[way]['wrong'], group['clips'])}, {group[way]['cancelled']}" for way in WAYS]
        hourly = round(3600 * group["both"]["wrong"] / group["seconds"])
        rows.append(f"| {name} | {group['clips']} | {group['seconds']:.0f} | {' | '.join(cells)} | {hourly} |")
    return "\n".join(rows)


def _cost(report: Mapping[str, Any]) -> str:
    wait, cpu = report["wait_ms"], report["wait_cpu_ms"]
    busy = f"{report['load_average']:.0f} programs on {report['cores']} cores"
    return "\n".join(
        [
            "| engine | measured |",
            "|---|---|",
            f"| CPU seconds a second of sound | {report['real_time_factor']:.3f} |",
            f"| from the end of the sound to the answer, p50 and p95, of CPU time | {cpu['p50']} ms, {cpu['p95']} ms |",
            f"| the same by the clock, {busy} | {wait['p50']} ms, {wait['p95']} ms |",
            f"| memory | {report['memory_mib']} MiB |",
            f"| start, of CPU time | {report['load_s']:.1f} s |",
            f"| processor | {report['processor']} |",
        ]
    )


def _share(right: int, of: int) -> str:
    low, high = wilson(right, of)
    return f"{100 * right / of:.0f}% ({100 * low:.0f}–{100 * high:.0f})"


if __name__ == "__main__":
    write(load())
