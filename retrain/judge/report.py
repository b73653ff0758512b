"""The report of a judgement: report.html for people, one self-contained file, and report.json for programs.

Neither has a photo or the name of one.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from retrain.judge import plots
from retrain.judge.figures import Figures
from retrain.judge.judgement import Judgement
from retrain.judge.metrics import Estimate
from retrain.judge.rules import REQUIRED
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
    fields = judgement.fields()
    gate = judgement.settings.gate
    measured = zip(_measured(judgement.incumbent, gate), _measured(judgement.candidate, gate), strict=True)
    return environment.get_template("page.html").render(
        **{name: fields[name] for name in ("promoted", "rule", "runs", "checks", "golden", "candidate", "incumbent")},
        required=REQUIRED,
        verdict="The candidate is better" if judgement.promoted else "The incumbent stays",
        reason=_sentence(judgement.reason),
        steps=_steps(judgement),
        rows=[
            {"name": name, "what": what, "incumbent": old, "candidate": new}
            for (name, what, old), (_, _, new) in measured
        ],
        compared=_compared(judgement),
        groups=[
            {"name": judgement.candidate.detects.groups[label], "people": count}
            for label, count in judgement.people.items()
        ],
        gate=f"{gate:g}",
        draws=judgement.settings.draws,
        candidate_colour=plots.CANDIDATE_COLOUR,
        incumbent_colour=plots.INCUMBENT_COLOUR,
        plots=plots.draw(judgement),
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


def _measured(figures: Figures, gate: float) -> list[tuple[str, str, str]]:
    """The name, the meaning and the value of each figure of a model."""
    return [
        ("mAP50", "detection and label of people", _text(Estimate.of(figures.score(Score.MAP50)))),
        ("mAP50-95", "the same, and how exactly the boxes fit", _text(Estimate.of(figures.score(Score.MAP50_95)))),
        ("mAP50 as yolo val", "as ultralytics measures on the same photos", _yolo_val(figures, "map50")),
        ("mAP50-95 as yolo val", "the same", _yolo_val(figures, "map50_95")),
        (
            "right label",
            "of all golden people: detected, with the right label",
            _percent(Estimate.of(figures.accuracy)),
        ),
        (
            f"right at {gate:g}",
            "of the labels that would become training data",
            _percent(figures.gate.precision, none="none passes"),
        ),
        (
            f"photos kept at {gate:g}",
            "photos whose people all reach that confidence",
            _percent(figures.gate.share, none="none passes"),
        ),
        (
            "calibration error",
            "mean distance of confidence and share of right labels",
            "none" if math.isnan(figures.ece) else f"{100 * figures.ece:.1f} points",
        ),
        (
            "time a photo",
            "median of the fastest of several alternating rounds on one machine",
            f"{figures.ms:.1f} ms",
        ),
        ("failed photos", "their people count as not detected", str(figures.failed)),
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


def _text(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "none"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _percent(share: Estimate, *, none: str = "none") -> str:
    if math.isnan(share.value):
        return none
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"
