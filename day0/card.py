"""Writes the report's figures into `docs/model-card.md`, between its markers, and the diagrams beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from day0 import diagrams
from day0.measure import BINS

ROOT = Path(__file__).parents[1]
CARD = ROOT / "docs" / "model-card.md"
_MARK = re.compile(r"(<!-- ([a-z ]+) -->\n).*?(<!-- / -->)", re.DOTALL)
SETS: Final = ("FairFace test", "portraits test")
MODELS: Final = ("cascade 1", "cascade 2")


def write(report: Mapping[str, Any]) -> None:
    """Update the card and the diagrams."""
    CARD.write_text(filled(CARD.read_text(), tables(report)))
    folder = CARD.parent / "model-card"
    folder.mkdir(exist_ok=True)
    (folder / "reliability.svg").write_text(
        diagrams.reliability(report["reliability of the label"], report["reliability of the age"])
    )
    (folder / "customers.svg").write_text(diagrams.shares("The easy screen turns (test)", easy_by_group(report)))
    (folder / "curve.svg").write_text(diagrams.curve(report["curve, val"], report["elder_from"]))


def easy_by_group(report: Mapping[str, Any]) -> dict[str, Any]:
    """The share of each group that meets the easy screen."""
    return {name: row["easy screen"] for name, row in report["groups"].items()}


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
    false = report["false faces"]
    return {
        "goals": _side_by_side(report["side by side"], "as it is"),
        "conditions": _conditions(report["side by side"]),
        "customers": _rows("customer (test)", report["groups"]),
        "customers under a mask": _rows(
            "customer under a mask (test)",
            {name: row for name, row in report["groups, under a mask"].items() if row["found"]["of"]},
        ),
        "origins": _rows("origin (FairFace test)", report["origins"]),
        "curve": _table(
            "easy screen from a P(elder) of | elders who see it (val) | adults who see it (val) "
            "| elders (test) | adults (test)",
            [
                (
                    f"{val['elder_from']:.2f}"
                    + (" **(default)**" if val["elder_from"] == report["elder_from"] else ""),
                    *(_share(row[who]) for row in (val, test) for who in ("elders", "adults")),
                )
                for val, test in zip(report["curve, val"], report["curve, test"], strict=True)
            ],
        ),
        "reliability": _table(
            "confidence | label right | label right, poorer photos | age right",
            [
                (f"{low:.2f}–{high:.2f}", *(_share(_bin(report[name], low)) for name in _RELIABILITIES))
                for low, high in pairwise(BINS)
            ],
        ),
        "source left out": _rows("source that the fit did not see", report["source left out"]),
        "parliament": _table(
            "members of Parliament (test) | share",
            [(name, _share(row)) for name, row in report["members of Parliament"].items()],
        ),
        "coefficients": _coefficients(report["calibration"]),
        "choices": _table(
            "choice | log loss of the age | of the gender",
            [
                (name + (" **(taken)**" if name == report["choices"]["chosen"] else ""), *row.values())
                for name, row in report["choices"]["tried"].items()
            ],
        ),
        "found by source": _rows("source (test)", report["found by source"]),
        "found by size": _table(
            "face, pixels wide in a 1280 × 720 frame | exactly one face found",
            [(name, _share(row)) for name, row in report["found by size"].items()],
        ),
        "found by angle": _table(
            "picture turned by | exactly one face found",
            [(f"{name}°", _share(row)) for name, row in report["found by angle"].items()],
        ),
        "empty": f"In {false['of']} drawn shops without people it found a face in {false['yes']}.",
        "speed": _table(
            "photo | milliseconds of one core | people", [(k, *row.values()) for k, row in report["speed"].items()]
        ),
        "memory": _table("process | MiB", list(report["memory"].items())),
    }


_RELIABILITIES: Final = (
    "reliability of the label",
    "reliability of the label, poorer photos",
    "reliability of the age",
)


def _side_by_side(report: Mapping[str, Any], condition: str) -> str:
    """Every figure of both models on both sets of test photos."""
    columns = [report[f"{name}, {condition}"][model] for name in SETS for model in MODELS]
    head = " | ".join(f"{name}: {model}" for name in SETS for model in MODELS)
    return _table(
        f"photos as they are | {head}",
        [(name, *(_cell(column[name]) for column in columns)) for name in columns[0]],
    )


def _conditions(report: Mapping[str, Any]) -> str:
    """The main figures in each condition, of the earlier model and of this one."""
    rows = []
    for place, models in report.items():
        for model in MODELS:
            if models[model] is not None:
                shares = (models[model][name] for name in _MAIN)
                rows.append((place, model.removeprefix("cascade "), *map(_cell, shares)))
    return _table(f"photos | model | {' | '.join(_MAIN)}", rows)


_MAIN: Final = ("found", "four-class", "elders told elder", "easy screen, elders", "easy screen, adults", "kept, right")


def _rows(what: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of rows of shares."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    return _table(
        f"{what} | {' | '.join(names)}",
        [(key, *(_cell(row[name]) if name in row else "–" for name in names)) for key, row in rows.items()],
    )


def _bin(rows: Sequence[Mapping[str, Any]], low: float) -> Mapping[str, Any]:
    empty = {"of": 0, "share": None, "interval": None}
    return next((row for row in rows if row["from"] == low), empty)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return _share(value) if isinstance(value, Mapping) else f"{value:.1%}"


def _share(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "–"
    low, high = share["interval"]
    counts = f", {share['yes']} of {share['of']}" if "of" in share else ""
    return f"{share['share']:.1%} ({low:.1%}–{high:.1%}{counts})"


def _coefficients(calibration: Mapping[str, Any]) -> str:
    formulas = {
        **{question: calibration[question] for question in ("elder", "female")},
        **{f"confidence of {label}": fields for label, fields in calibration["by_label"].items()},
    }
    rows = [
        (question, name, f"{weight:.6f}")
        for question, fields in formulas.items()
        for name, weight in {"bias": fields["bias"], **fields["weights"]}.items()
    ]
    return _table("formula | feature | weight", rows)


def _table(head: str, rows: list[tuple[Any, ...]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * columns]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
