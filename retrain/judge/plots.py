"""The report's plots as inline SVG: the page needs no other file, no script and no font."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from retrain.judge.figures import Figures
from retrain.judge.judgement import Judgement
from retrain.judge.matching import Floats
from retrain.judge.metrics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CANDIDATE_COLOUR: Final = "#0b6e99"
INCUMBENT_COLOUR: Final = "#b0793a"
_GREY: Final = "#6b7280"
_STYLE: Final[Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": "#374151",
    "xtick.color": "#374151",
    "ytick.color": "#374151",
    "svg.fonttype": "path",
    "svg.hashsalt": "nunchi",  # the same judgement gives the same bytes
}


def draw(judgement: Judgement) -> dict[str, Markup]:
    """Every plot, by its name in the page."""
    return {
        "difference": _difference(judgement),
        "ap": _bars(judgement, lambda figures: figures.ap[:, 0], "AP50"),
        "right": _bars(judgement, lambda figures: figures.right, "share with the right label"),
        "detected": _bars(judgement, lambda figures: figures.detected, "share detected"),
        "reliability": _reliability(judgement),
        "gate": _gate_curve(judgement),
    }


def _difference(judgement: Judgement) -> Markup:
    """The bootstrap distribution of the difference in score."""
    score = judgement.settings.score
    drawn = judgement.candidate.score(score) - judgement.incumbent.score(score)
    estimate = Estimate.of(drawn)

    def draw(axes: Axes) -> None:
        values = drawn[1:][np.isfinite(drawn[1:])]
        axes.hist(values, bins=40, color=CANDIDATE_COLOUR, alpha=0.75)
        axes.axvspan(estimate.low, estimate.high, color=CANDIDATE_COLOUR, alpha=0.12, lw=0, label="95 % interval")
        axes.axvline(estimate.value, color="#111827", lw=1.2, label="on the golden photos")
        axes.axvline(0, color="#b91c1c", lw=1.2, ls="--", label="no difference")
        axes.set_xlabel(f"{score.words}: candidate - incumbent")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _legend(axes, above=True)

    return _svg(draw, 5.6, 2.6, f"Differences in {score.words} over {judgement.settings.draws} draws")


def _reliability(judgement: Judgement) -> Markup:
    """Mean confidence against the share of right labels, both models: the reliability diagram."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_GREY, lw=1, ls="--")
        for figures, colour, name in _both(judgement):
            confidences = [part.confidence for part in figures.bins]
            shares = [Estimate.wilson(round(part.right * part.count), part.count) for part in figures.bins]
            _dots(axes, confidences, shares, color=colour, ms=4, lw=1.4, elinewidth=0.8, label=name)
        axes.axvline(judgement.settings.gate, color=_GREY, lw=0.8, ls=":")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share right")
        _legend(axes)

    return _svg(draw, 4.8, 3.6, "Reliability: confidence against the share of right labels")


def _gate_curve(judgement: Judgement) -> Markup:
    """Precision against the share of photos that pass, as the gate rises, both models."""

    def draw(axes: Axes) -> None:
        for figures, colour, name in _both(judgement):
            passing = [gate for gate in figures.curve if gate.people >= 5]
            shares, precisions = [gate.share.value for gate in passing], [gate.precision.value for gate in passing]
            axes.plot(shares, precisions, color=colour, lw=1.4, label=name)
            if figures.gate.people:
                _dots(axes, [figures.gate.share.value], [figures.gate.precision], color=colour, ms=6)
        axes.axhline(judgement.settings.gate, color=_GREY, lw=0.8, ls=":")
        axes.set(xlim=(0, 1.02), xlabel="share of photos that pass", ylabel="share of their labels right")
        axes.set_ylim(top=1.01)
        _legend(axes)

    return _svg(draw, 4.8, 3.6, f"Precision and share kept; the dots are at the gate of {judgement.settings.gate:g}")


def _dots(axes: Axes, x: Sequence[float], y: Sequence[Estimate], **style: Any) -> None:
    """Estimates with their intervals."""
    values = [estimate.value for estimate in y]
    ends = [[estimate.value - estimate.low for estimate in y], [estimate.high - estimate.value for estimate in y]]
    axes.errorbar(x, values, yerr=ends, marker="o", **style)


def _bars(judgement: Judgement, measured: Callable[[Figures], Floats], name: str) -> Markup:
    """A measure of each label, (labels, draws), both models."""

    def draw(axes: Axes) -> None:
        for offset, (figures, colour, model) in zip((-0.19, 0.19), _both(judgement), strict=True):
            estimates = [Estimate.of(drawn) for drawn in measured(figures)]
            for place, estimate in enumerate(estimates):
                height = np.nan_to_num(estimate.value)
                axes.bar(place + offset, height, 0.36, color=colour, label=model if place == 0 else None)
                axes.plot([place + offset] * 2, [estimate.low, estimate.high], color="#111827", lw=1)
        detects = judgement.candidate.detects
        axes.set_xticks(range(len(detects.classes)), [detects.groups[name] for name in detects.classes])
        axes.set_ylim(0, 1.02)
        axes.set_ylabel(name)
        _legend(axes, above=True)

    return _svg(draw, 5.6, 2.8, f"{name}, by group")


def _both(judgement: Judgement) -> list[tuple[Figures, str, str]]:
    return [(judgement.incumbent, INCUMBENT_COLOUR, "incumbent"), (judgement.candidate, CANDIDATE_COLOUR, "candidate")]


def _legend(axes: Axes, *, above: bool = False) -> None:
    if above:
        axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    elif axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def _svg(draw: Callable[[Axes], Any], width: float, height: float, title: str) -> Markup:
    """`title` is the text for screen readers; `width` and `height` in inches."""
    import matplotlib as mpl  # noqa: PLC0415 - slow, and needed only here
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Ids are unique in the page: a clip path must not apply to another plot.
    prefix = re.sub("[^a-z0-9]+", "-", title.lower())
    svg = re.sub(r'(\bid="|href="#|url\(#)', lambda match: f"{match[1]}{prefix}-", svg)
    # Of our own, from numbers only.
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1))  # noqa: S704
