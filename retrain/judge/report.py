"""The judgement for people (report.html, one file that needs nothing else) and for programs (report.json beside it).

No photo is in either, nor the name of one.
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
from retrain.judge.rules import words
from retrain.judge.settings import Score

PAGE: Final = "report.html"
NUMBERS: Final = "report.json"


def write(folder: Path, judgement: Judgement) -> Path:
    """Write both files, over what is there; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_text(judgement.to_json())
    page = folder / PAGE
    page.write_text(html(judgement))
    return page


def html(judgement: Judgement) -> str:
    """The page. Whatever a manifest says of itself is escaped."""
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
        groups=[{"name": words(label), "people": count} for label, count in judgement.people.items()],
        gate=f"{judgement.settings.gate:g}",
        draws=judgement.settings.draws,
        ours=plots.OURS,
        theirs=plots.THEIRS,
        # Drawn by us from numbers alone.
        plots={
            name: Markup(drawn)  # noqa: S704
            for name, drawn in {
                "difference": plots.difference(judgement),
                "ap": plots.ap_by_class(judgement),
                "right": plots.right_by_group(judgement),
                "found": plots.found_by_group(judgement),
                "reliability": plots.reliability(judgement),
                "gate": plots.gate_curve(judgement),
            }.items()
        },
    )


def _sentence(text: str) -> str:
    return text if text.startswith("mAP") else text[0].upper() + text[1:]


def _steps(judgement: Judgement) -> list[Mapping[str, str]]:
    run, before = map(shlex.quote, judgement.runs)
    if judgement.promoted:
        return [
            {
                "why": "A training puts such a candidate into service by itself. After a comparison by hand, you do:",
                "command": f'nunchi weights promote {run} --reason "judged better"',
            },
            {
                "why": f"If it disappoints, put back {before}. Workers follow within a minute, without losing a photo:",
                "command": 'nunchi weights rollback --reason "…"',
            },
        ]
    remedies = {
        "golden_too_small": "Check more photos by hand, so that the next candidate can be judged:",
        "not_better": "Nothing needs doing. More corrected labels are what helps most:",
        "group_behind": "Check photos of that group by hand; corrections count for more in the next training:",
        "promise_broken": "Check photos that the model was sure of: the next candidate is calibrated on them:",
        "too_slow": "Train a smaller network, or at smaller pictures; see what takes long:",
    }
    commands = {
        "promise_broken": "nunchi review export review --sample-share 0.1",
        "too_slow": f"nunchi weights show {run}",
    }
    return [
        {"why": remedies[judgement.rule], "command": commands.get(judgement.rule, "nunchi review export review")},
        {
            "why": "The candidate is kept. If you know better, put it into service, and back again:",
            "command": f'nunchi weights promote {run} --reason "…"\nnunchi weights rollback --reason "…"',
        },
    ]


def _rows(judgement: Judgement) -> list[Mapping[str, str]]:
    def row(name: str, what: str, tell: Callable[[Figures], str]) -> Mapping[str, str]:
        return {
            "name": name,
            "what": what,
            "incumbent": tell(judgement.incumbent),
            "candidate": tell(judgement.candidate),
        }

    gate = f"{judgement.settings.gate:g}"
    return [
        row("mAP50", "whether people are found, with their label", lambda one: _with(one.score(Score.MAP50))),
        row("mAP50-95", "and how exactly the boxes fit", lambda one: _with(one.score(Score.MAP50_95))),
        row("mAP50 as yolo val", "what ultralytics gives on the same photos", lambda one: _yolo_val(one, "map50")),
        row("mAP50-95 as yolo val", "the same", lambda one: _yolo_val(one, "map50_95")),
        row("right label", "of all golden people: found, and called right", lambda one: _with(one.accuracy, 100, " %")),
        row(
            f"right at {gate}",
            "of the labels that would become training data",
            lambda one: _share(one.gate.precision),
        ),
        row(f"photos kept at {gate}", "photos whose people are all that sure", lambda one: _share(one.gate.share)),
        row("calibration error", "how far confidences lie from the truth", lambda one: _points(one.ece)),
        row(
            "time a photo",
            "median of the calmest of several rounds, by turns on one machine",
            lambda one: f"{one.ms:.1f} ms",
        ),
        row("photos not answered", "they count as nobody found", lambda one: str(one.failed)),
    ]


def _compared(judgement: Judgement) -> str:
    if judgement.compared_raw:
        return "Both are YOLOs: mAP is measured on all that they say, as ultralytics' own validation does."
    return (
        "One of them is no YOLO: mAP is compared on what each would serve, which is less than a YOLO's own validation "
        "measures it on."
    )


def _yolo_val(figures: Figures, name: str) -> str:
    value = figures.fields()["yolo_val"][name]
    return "none: no YOLO" if not figures.raw else "none" if value is None else f"{value:.4f}"


def _with(draws: Any, times: float = 1, unit: str = "") -> str:
    one, decimals = Estimate.of(draws), 1 if unit else 3
    if math.isnan(one.value):
        return "none"
    value, low, high = (f"{times * part:.{decimals}f}" for part in (one.value, one.low, one.high))
    return f"{value}{unit} [{low}, {high}]"


def _share(one: Estimate) -> str:
    if math.isnan(one.value):
        return "none passes"
    return f"{100 * one.value:.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def _points(value: float) -> str:
    return "none" if math.isnan(value) else f"{100 * value:.1f} points"
