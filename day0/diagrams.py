"""The model card's diagrams as SVG, drawn with the standard library: readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FIRST, SECOND, INK, RULE = "#2a78b5", "#d1662a", "#333333", "#cccccc"
SIDE, LEFT, TOP = 360, 60, 40  # pixels: the plot's side and its corner


def reliability(labels: Sequence[Mapping[str, Any]], ages: Sequence[Mapping[str, Any]]) -> str:
    """Reliability diagram: confidence (x) against the share of right answers (y), with 95 % intervals."""
    parts = [_text(LEFT, 24, "Reliability, test photos as they are", weight="bold"), *_axes()]
    parts.append(_line(*_at(0, 0), *_at(1, 1), INK, dashes="5 4"))
    for name, rows, colour, shift, row_y in (
        ("label", labels, FIRST, -3, 70),
        ("age", ages, SECOND, 3, 90),
    ):
        points = []
        for row in rows:
            x, y = _at(row["said"], row["share"])
            low, high = row["interval"]
            parts.append(_line(x + shift, _at(0, low)[1], x + shift, _at(0, high)[1], colour, width=1.5))
            points.append((x + shift, y))
        parts += [*_curve(points, colour), _dot(LEFT + 18, row_y - 4, colour), _text(LEFT + 30, row_y, name)]
    parts += _names("confidence", "share right")
    return _svg(LEFT + SIDE + 30, TOP + SIDE + 56, parts)


def curve(rows: Sequence[Mapping[str, Any]], chosen: float) -> str:
    """Adults who see the easy screen (x) against elders who see it (y), one point a threshold."""
    parts = [_text(LEFT, 24, "The easy screen by its threshold, val", weight="bold"), *_axes()]
    points = [_at(row["adults"]["share"], row["elders"]["share"]) for row in rows]
    parts += _curve(points, FIRST)
    for (x, y), row in zip(points, rows, strict=True):
        if row["elder_from"] == chosen:
            parts += [_dot(x, y, SECOND), _text(x + 8, y + 14, f"from {chosen:.2f}")]
    parts += _names("adults who see it", "elders who see it")
    return _svg(LEFT + SIDE + 30, TOP + SIDE + 56, parts)


def shares(title: str, rows: Mapping[str, Any]) -> str:
    """A share for each group of people, with 95 % intervals."""
    step, left, width = 34, 140, 420
    parts = [_text(10, 24, title, weight="bold")]
    bottom = TOP + step * len(rows)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + width * tick
        parts += [_line(x, TOP, x, bottom, RULE), _text(x, bottom + 18, f"{tick:.0%}", "middle")]
    for place, (name, share) in enumerate(rows.items()):
        y = TOP + step * place + step / 2
        parts.append(_text(left - 10, y + 4, f"{name} ({share['of']})", "end"))
        if share["share"] is None:
            continue
        low, high = share["interval"]
        bar = f'<rect x="{left}" y="{y - 8}" width="{width * share["share"]:.1f}" height="16" fill="{FIRST}"/>'
        parts += [bar, _line(left + width * low, y, left + width * high, y, INK, width=2)]
    return _svg(left + width + 30, bottom + 34, parts)


def _at(x: float, y: float) -> tuple[float, float]:
    return LEFT + SIDE * x, TOP + SIDE * (1 - y)


def _axes() -> list[str]:
    parts: list[str] = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _at(tick, tick)
        parts += [_line(LEFT, y, LEFT + SIDE, y, RULE), _line(x, TOP, x, TOP + SIDE, RULE)]
        parts += [_text(LEFT - 8, y + 4, f"{tick:.0%}", "end"), _text(x, TOP + SIDE + 18, f"{tick:.0%}", "middle")]
    return parts


def _names(x: str, y: str) -> list[str]:
    return [
        _text(LEFT + SIDE / 2, TOP + SIDE + 40, x, "middle"),
        _text(16, TOP + SIDE / 2, y, "middle", turn=True),
    ]


def _curve(points: Sequence[tuple[float, float]], colour: str) -> list[str]:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(_dot(x, y, colour) for x, y in points),
    ]


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _svg(width: float, height: float, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
    style = 'font-family="system-ui, sans-serif" font-size="13">'
    return "\n".join([head + style, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>"]) + "\n"


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, *, width: float = 1, dashes: str = "none") -> str:
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", *, weight: str = "normal", turn: bool = False) -> str:
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{INK}"{turned}>{text}</text>'
