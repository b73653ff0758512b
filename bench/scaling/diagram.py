"""A day as SVG, drawn with the standard library: photos a second, instances and p95 of two groups on one day."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from bench.scaling.day import SimulatedDay
from bench.scaling.inputs import LABEL_TTL_S

INK, RULE, LIMIT = "#333333", "#cccccc", "#a02020"
COLOURS: Final = ("#2a78b5", "#d1662a")
LEFT, WIDTH, HEIGHT, GAP, TOP = 70, 640, 130, 46, 46  # pixels
FROM_H, TO_H = 8, 20
SLICE_S: Final = 300.0
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot: its number from the top, its ticks, and the position of a value on its axis (0 bottom, 1 top)."""

    number: int
    title: str
    ticks: Sequence[float]
    scale: Callable[[float], float]

    @property
    def bottom(self) -> float:
        return TOP + (HEIGHT + GAP) * self.number + HEIGHT

    def y(self, value: float) -> float:
        return self.bottom - HEIGHT * min(1.0, max(0.0, self.scale(value)))


def x_of(second: float) -> float:
    """The x of a second since midnight, in pixels."""
    return LEFT + WIDTH * (second / 3600 - FROM_H) / (TO_H - FROM_H)


def photos_a_second(day: SimulatedDay) -> Points:
    """Uploads started, in slices of five minutes."""
    edges = np.arange(FROM_H * 3600, TO_H * 3600 + 1, SLICE_S)
    counts, _ = np.histogram(day.photos.started, edges)
    return [(float(edge) + SLICE_S / 2, count / SLICE_S) for edge, count in zip(edges, counts.tolist(), strict=False)]


def p95(day: SimulatedDay) -> Points:
    """p95 from upload to label of the uploads started in each slice of five minutes."""
    latency = day.labelled_at - day.photos.started
    slices = ((day.photos.started - FROM_H * 3600) // SLICE_S).astype(int)
    points = []
    for number in range(int((TO_H - FROM_H) * 3600 / SLICE_S)):
        in_slice = latency[slices == number]
        if len(in_slice):
            points.append((FROM_H * 3600 + SLICE_S * (number + 0.5), float(np.nanquantile(in_slice, 0.95))))
    return points


def instances(day: SimulatedDay) -> Points:
    """Instances in service, each minute."""
    pairs = zip(day.minutes.at.tolist(), day.minutes.in_service.tolist(), strict=True)
    return [(at, count) for at, count in pairs if FROM_H * 3600 <= at <= TO_H * 3600]


def draw(title: str, days: Mapping[str, SimulatedDay]) -> str:
    """The diagram of one or two days with the same photos, by their names."""
    first = next(iter(days.values()))
    rate_top = _ceiling(max(value for _, value in photos_a_second(first)))
    max_instances = max(value for day in days.values() for _, value in instances(day))
    panels = (
        Panel(0, "photos a second", (0, rate_top / 2, rate_top), lambda value: value / rate_top),
        Panel(
            1,
            "instances in service",
            (0, math.ceil(max_instances / 2), max_instances),
            lambda value: value / max_instances,
        ),
        Panel(2, "p95, seconds", (1, 3, 10, 30, 100), lambda value: math.log(value) / math.log(200)),
    )
    parts = [_text(LEFT, 22, title, weight="bold")]
    for panel in panels:
        parts.append(_text(LEFT, panel.bottom - HEIGHT - 8, panel.title))
        for tick in panel.ticks:
            parts += [
                _line(LEFT, panel.y(tick), LEFT + WIDTH, panel.y(tick), RULE),
                _text(LEFT - 8, panel.y(tick) + 4, f"{tick:g}", "end"),
            ]
        for hour in range(FROM_H, TO_H + 1, 2):
            parts.append(_text(x_of(hour * 3600), panel.bottom + 16, f"{hour:02d}:00", "middle"))
    limit = panels[2].y(LABEL_TTL_S)
    parts.append(_line(LEFT, limit, LEFT + WIDTH, limit, LIMIT, dashes="5 4"))
    parts.append(_text(LEFT + WIDTH, limit - 5, "label expired", "end", colour=LIMIT))
    parts.append(_curve(panels[0], photos_a_second(first), INK))
    for (name, day), colour, row in zip(days.items(), COLOURS, range(2), strict=False):
        parts.append(_curve(panels[1], _steps(instances(day)), colour))
        parts.append(_curve(panels[2], p95(day), colour))
        parts.append(_text(LEFT + WIDTH, panels[0].bottom - HEIGHT - 8 - 16 * row, name, "end", colour=colour))
    return _svg(LEFT + WIDTH + 24, panels[-1].bottom + 30, parts)


def _steps(points: Points) -> Points:
    """Step function: a count stays until it changes."""
    corners = points[:1]
    for (_, before), (at, value) in pairwise(points):
        corners += [(at, before), (at, value)]
    return corners


def _ceiling(value: float) -> float:
    """A round number at least as high."""
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value)


def _curve(panel: Panel, points: Points, colour: str) -> str:
    path = " ".join(f"{x_of(second):.1f},{panel.y(value):.1f}" for second, value in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _svg(width: float, height: float, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
    style = 'font-family="system-ui, sans-serif" font-size="13">'
    return "\n".join([head + style, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>"]) + "\n"


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, *, dashes: str = "none") -> str:
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="1" stroke-dasharray="{dashes}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", *, weight: str = "normal", colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{colour}">{text}</text>'
