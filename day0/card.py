"""Writes the report's figures into `docs/model-card.md`, between its markers, and the diagrams beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from day0 import diagrams

ROOT = Path(__file__).parents[1]
CARD = ROOT / "docs" / "model-card.md"
_MARK = re.compile(r"(<!-- ([a-z ]+) -->\n).*?(<!-- / -->)", re.DOTALL)
PARTS = (
    "train, people left out",
    "val",
    "test",
    "test, poorer photos",
    "everybody, left out",
    "test, raw softmax",
    "everybody, raw softmax",
)


def write(report: Mapping[str, Any]) -> None:
    """Update the card and the diagrams."""
    CARD.write_text(filled(CARD.read_text(), tables(report)))
    folder = CARD.parent / "model-card"
    folder.mkdir(exist_ok=True)
    (folder / "reliability.svg").write_text(
        diagrams.reliability(report["everybody, left out"], report["everybody, raw softmax"])
    )
    (folder / "groups.svg").write_text(diagrams.groups(report["everybody, left out"]["groups"]))


def filled(text: str, figures: Mapping[str, str]) -> str:
    """The text with these tables replaced, between `<!-- NAME -->` and `<!-- / -->`; other tables stay.

    ValueError if the text has no marker for a table.
    """
    if missing := figures.keys() - marks(text):
        raise ValueError(f"{CARD} has no place for {', '.join(sorted(missing))}: <!-- NAME -->, and <!-- / --> below")
    return _MARK.sub(
        lambda mark: f"{mark[1]}{figures[mark[2]]}\n{mark[3]}" if mark[2] in figures else mark[0],
        text,
    )


def marks(text: str) -> set[str]:
    """The names of the markers in a text."""
    return {mark[2] for mark in _MARK.finditer(text)}


def tables(report: Mapping[str, Any]) -> dict[str, str]:
    """Each table of the card, in Markdown, by its marker."""
    test, everybody = report["test"], report["everybody, left out"]
    gates, nobody_there = everybody["other gates"], report["found by size"]["nobody there"]
    return {
        "parts": _accuracy("photos", {part: _flat(report[part]["all"]) for part in PARTS}),
        "queue": _accuracy("photos", {part: report[part]["queue"] for part in PARTS}),
        "groups": _accuracy("group (test)", {name: _flat(row) for name, row in test["groups"].items()}),
        "everybody groups": _accuracy(
            "group (everybody, left out)", {name: _flat(row) for name, row in everybody["groups"].items()}
        ),
        "gates": _table(
            "gate | kept (everybody, left out) | right of those kept",
            [(gate, _share(row["kept"]), _share(row["right_of_kept"])) for gate, row in gates.items()],
        ),
        "sources": _accuracy("source (test)", {name: _flat(row) for name, row in test["sources"].items()}),
        "parliament": _table(
            "members of Parliament (test) | share",
            [(name, _share(row)) for name, row in report["members of Parliament, test"].items()],
        ),
        "reliability": _table(
            "confidence | right (test) | right (everybody, left out)",
            [
                (f"{row['from']:.2f}–{row['to']:.2f}", _share(_bin(test, row)), _share(row))
                for row in everybody["reliability"]
            ],
        ),
        "coefficients": _coefficients(report["calibration"]),
        "choices": _table(
            "choice | log loss, train with people left out | log loss, val",
            [
                (name + (" **(taken)**" if name == report["choices"]["chosen"] else ""), *row.values())
                for name, row in report["choices"]["tried"].items()
            ],
        ),
        "found by source": _table("source | found", [(k, _share(row)) for k, row in report["found by source"].items()]),
        "found by size": _table(
            "face, pixels wide in a 1280 × 720 frame | exactly one face found",
            [(name, _share(row)) for name, row in report["found by size"].items() if name.isdigit()],
        ),
        "empty": f"In {nobody_there['of']} drawn scenes without people it found a face in {nobody_there['yes']}.",
        "speed": _table(
            "photo | milliseconds of one core | people", [(k, *row.values()) for k, row in report["speed"].items()]
        ),
        "memory": _table("process | MiB", list(report["memory"].items())),
    }


def _bin(part: Mapping[str, Any], like: Mapping[str, Any]) -> Mapping[str, Any]:
    empty = {"of": 0, "share": None, "interval": None}
    return next((row for row in part["reliability"] if row["from"] == like["from"]), empty)


def _flat(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {"right": summary["right"], **summary["gate"]}


def _accuracy(what: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of shares: right, kept, and right of those kept."""
    return _table(
        f"{what} | four-class right | kept at the gate | right of those kept",
        [(name, *(_share(row[share]) for share in ("right", "kept", "right_of_kept"))) for name, row in rows.items()],
    )


def _share(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "–"
    low, high = share["interval"]
    counts = f", {share['yes']} of {share['of']}" if "of" in share else ""
    return f"{share['share']:.1%} ({low:.1%}–{high:.1%}{counts})"


def _coefficients(calibration: Mapping[str, Any]) -> str:
    rows = [
        (question, name, f"{weight:.6f}")
        for question, fields in calibration.items()
        for name, weight in {"bias": fields["bias"], **fields["weights"]}.items()
    ]
    return _table("formula | feature | weight", rows)


def _table(head: str, rows: list[tuple[Any, ...]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * columns]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
