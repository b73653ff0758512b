"""The report of a judgement: report.html for people, one self-contained file, and report.json for programs.

Neither has a photo or the name of one.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from retrain.judge import plots
from retrain.judge.figures import Figures
from retrain.judge.judgement import Judgement
from retrain.judge.metrics import Estimate
from retrain.judge.rules import group_name
from retrain.judge.settings import Score

PAGE: Final = "report.html"
NUMBERS: Final = "report.json"


def write(folder: Path, judgement: Judgement) -> Path:
    """Write both files, over existing ones; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_text(judgement.to_json())
    page = folder / PAGE
    page.write_text(html(judgement))
    return page


def html(judgement: Judgement) -> str:
    """The page. Text from a manifest is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    fields = json.loads(judgement.to_json())
    return environment.get_template("page.html").render(
        **{name: fields[name] for name in ("promoted", "rule", "runs", "checks", "golden", "candidate", "incumbent")},
        verdict="The candidate is better" if judgement.promoted else "The incumbent stays",
        reason=_sentence(judgement.reason),
        steps=_steps(judgement),
        rows=_rows(judgement),
        compared=_compared(judgement),
        groups=[{"name": group_name(label), "people": count} for label, count in judgement.people.items()],
        gate=f"{judgement.settings.gate:g}",
        draws=judgement.settings.draws,
        candidate_colour=plots.CANDIDATE_COLOUR,
        incumbent_colour=plots.INCUMBENT_COLOUR,
        # Markup of our own, from numbers only.
        plots={
            name: Markup(drawn)  # noqa: S704
            for name, drawn in {
                "difference": plots.difference(judgement),
                "ap": plots.ap_by_class(judgement),
                "right": plots.right_by_group(judgement),
                "detected": plots.detected_by_group(judgement),
                "reliability": plots.reliability(judgement),
                "gate": plots.gate_curve(judgement),
            }.items()
        },
    )


def _sentence(text: str) -> str:
    return text if text.startswith("mAP") else text[0].upper() + text[1:]


def _steps(judgement: Judgement) -> list[Mapping[str, str]]:
    run, incumbent = map(shlex.quote, judgement.runs)
    if judgement.promoted:
        return [
            {
                "why": "A training promotes such a candidate itself. After a comparison by hand, promote it:",
                "command": f'nunchi weights promote {run} --reason "judged better"',
            },
            {
                "why": f"To undo it, put back {incumbent}. Workers follow within a minute, without losing a photo:",
                "command": 'nunchi weights rollback --reason "…"',
            },
        ]
    remedies = {
        "golden_too_small": "Check more photos by hand, so that the next candidate can be judged:",
        "not_better": "No action is needed. More corrected labels help most:",
        "group_behind": "Check photos of that group by hand; corrections have a higher weight in the next training:",
        "promise_broken": "Check photos of high confidence: the next candidate is calibrated on them:",
        "too_slow": "Train a smaller network, or with a smaller image size; the run's settings:",
    }
    commands = {
        "promise_broken": "nunchi review export review --sample-share 0.1",
        "too_slow": f"nunchi weights show {run}",
    }
    return [
        {"why": remedies[judgement.rule], "command": commands.get(judgement.rule, "nunchi review export review")},
        {
            "why": "The candidate is stored. To overrule the judge, promote it; the second command undoes that:",
            "command": f'nunchi weights promote {run} --reason "…"\nnunchi weights rollback --reason "…"',
        },
    ]


def _rows(judgement: Judgement) -> list[Mapping[str, str]]:
    def row(name: str, what: str, text: Callable[[Figures], str]) -> Mapping[str, str]:
        return {
            "name": name,
            "what": what,
            "incumbent": text(judgement.incumbent),
            "candidate": text(judgement.candidate),
        }

    gate = f"{judgement.settings.gate:g}"
    return [
        row("mAP50", "detection and label of people", lambda figures: _with(figures.score(Score.MAP50))),
        row(
            "mAP50-95", "the same, and how exactly the boxes fit", lambda figures: _with(figures.score(Score.MAP50_95))
        ),
        row(
            "mAP50 as yolo val",
            "as ultralytics measures on the same photos",
            lambda figures: _yolo_val(figures, "map50"),
        ),
        row("mAP50-95 as yolo val", "the same", lambda figures: _yolo_val(figures, "map50_95")),
        row(
            "right label",
            "of all golden people: detected, with the right label",
            lambda figures: _with(figures.accuracy, 100, " %"),
        ),
        row(
            f"right at {gate}",
            "of the labels that would become training data",
            lambda figures: _share(figures.gate.precision),
        ),
        row(
            f"photos kept at {gate}",
            "photos whose people all reach that confidence",
            lambda figures: _share(figures.gate.share),
        ),
        row(
            "calibration error",
            "mean distance of confidence and share of right labels",
            lambda figures: _points(figures.ece),
        ),
        row(
            "time a photo",
            "median of the fastest of several alternating rounds on one machine",
            lambda figures: f"{figures.ms:.1f} ms",
        ),
        row("failed photos", "their people count as not detected", lambda figures: str(figures.failed)),
    ]


def _compared(judgement: Judgement) -> str:
    if judgement.compared_raw:
        return "Both are YOLOs: mAP is measured on all their boxes, as in ultralytics' own validation."
    return (
        "One of them is not a YOLO: mAP is compared on the boxes as served, which are fewer than in a YOLO's own "
        "validation."
    )


def _yolo_val(figures: Figures, name: str) -> str:
    value = figures.fields()["yolo_val"][name]
    return "none: not a YOLO" if not figures.raw else "none" if value is None else f"{value:.4f}"


def _with(draws: Any, times: float = 1, unit: str = "") -> str:
    estimate, decimals = Estimate.of(draws), 1 if unit else 3
    if math.isnan(estimate.value):
        return "none"
    value, low, high = (f"{times * part:.{decimals}f}" for part in (estimate.value, estimate.low, estimate.high))
    return f"{value}{unit} [{low}, {high}]"


def _share(share: Estimate) -> str:
    if math.isnan(share.value):
        return "none passes"
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _points(value: float) -> str:
    return "none" if math.isnan(value) else f"{100 * value:.1f} points"
