"""The table of what teaches, in docs/data-people.md, from bench/teaching_report.json.

python -m bench.teaching_table
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from day0.card import filled

ROOT: Final = Path(__file__).parents[1]
REPORT: Final = ROOT / "bench" / "teaching_report.json"
DOCUMENT: Final = ROOT / "docs" / "data-people.md"
MARK: Final = "teaching"
_NAMES: Final = {
    "gate alone": "the gate alone (before)",
    "quiet elders": "the gate and no quiet elders",
    "second network": "the gate and no contradiction by the second network",
    "gates by label": "a gate for each label",
    "all": "all rules (after)",
}


def table(report: Mapping[str, Any]) -> str:
    """The Markdown table: a row for each shop and rule that was measured."""
    header = [
        "| elders in the shop | rules | auto-labels | of them wrong | elders taught | as adults |",
        "|---" * 6 + "|",
    ]
    rows = [
        f"| {100 * float(share):g} % | {_NAMES[name]} | {step['wrong']['of']} | {_share(step['wrong'])} | "
        f"{step['elders_as_adults']['of']} | {_share(step['elders_as_adults'])} |"
        for share, shop in report["shops"].items()
        for name, step in shop["steps"].items()
        if step is not None
    ]
    return "\n".join([*header, *rows])


def _share(share: Mapping[str, Any]) -> str:
    if not share["of"]:
        return "none"
    count, of, low, high = (share[name] for name in ("count", "of", "low", "high"))
    return f"{count}, {100 * count / of:.1f}% ({100 * low:.1f}–{100 * high:.1f})"


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), {MARK: table(json.loads(REPORT.read_text()))}))
