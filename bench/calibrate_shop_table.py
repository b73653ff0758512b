"""The table of what a calibration on a shop's photos is worth, in docs/model-card.md, from its report.

python -m bench.calibrate_shop_table
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from day0.card import filled

ROOT: Final = Path(__file__).parents[1]
REPORT: Final = ROOT / "bench" / "calibrate_shop_report.json"
DOCUMENT: Final = ROOT / "docs" / "model-card.md"
MARK: Final = "calibrate"
_HEADER: Final = (
    "camera",
    "calibration",
    "log loss",
    "calibration error",
    "right label",
    "elders told elder",
    "easy screen, elders",
    "easy screen, adults",
    "kept",
    "kept, right",
)


def table(report: Mapping[str, Any]) -> str:
    """The Markdown table: for each camera what was shipped, what every shop fitted, and what serves in the end."""
    rows = [
        row
        for camera, each in report["cameras"].items()
        for row in (
            [camera, "shipped", *_figures(each["before"])],
            ["", "fitted, in all shops", *_figures(each["fitted"])],
            [
                "",
                f"as judged: fitted in {each['rules'].get('better', 0)} of {each['shops']}",
                *_figures(each["serves"]),
            ],
        )
    ]
    return "\n".join([_line(_HEADER), "|" + "---|" * len(_HEADER), *map(_line, rows)])


def _figures(column: Mapping[str, Any]) -> list[str]:
    shares = ("right", "elders_told", "easy_elders", "easy_adults", "kept", "kept_right")
    return [f"{column['log_loss']:.3f}", f"{100 * column['ece']:.1f}", *(_share(column[name]) for name in shares)]


def _share(share: Sequence[int]) -> str:
    return f"{100 * share[0] / share[1]:.1f}%" if share[1] else "none"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), {MARK: table(json.loads(REPORT.read_text()))}))
