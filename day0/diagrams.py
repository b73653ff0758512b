"""The model card's diagrams as SVG, drawn with the standard library: readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CALIBRATED, RAW, INK, RULE = "#2a78b5", "#d1662a", "#333333", "#cccccc"
SIDE, LEFT, TOP = 360, 60, 40  # pixels: the plot's side and its corner


def reliability(calibrated: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    """Reliability diagram: confidence (x) against the share of right labels (y), with 95 % intervals."""

    def at(confidence: float, right: float) -> tuple[float, float]:
        return LEFT + SIDE * confidence, TOP + SIDE * (1 - right)

    parts = [_text(LEFT, 24, "Reliability, all photos of known age", weight="bold")]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick)
        parts += [_line(LEFT, y, LEFT + SIDE, y, RULE), _line(x, TOP, x, TOP + SIDE, RULE)]
        parts += [_text(LEFT - 8, y + 4, f"{tick:.0%}", "end"), _text(x, TOP + SIDE + 18, f"{tick:.0%}", "middle")]
    parts.append(_line(*at(0, 0), *at(1, 1), INK, dashes="5 4"))
    for name, rows, colour, shift, row_y in (
        ("calibrated", calibrated["reliability"], CALIBRATED, -3, 70),
        ("raw softmax", raw["reliability"], RAW, 3, 90),
    ):
        points = []
        for row in rows:
            x, y = at(row["said"], row["share"])
            low, high = row["interval"]
            parts.append(_line(x + shift, at(0, low)[1], x + shift, at(0, high)[1], colour, width=1.5))
            parts.append(f'<circle cx="{x + shift:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            points.append(f"{x + shift:.1f},{y:.1f}")
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<circle cx="{LEFT + 18}" cy="{row_y - 4}" r="4" fill="{colour}"/>')
        parts.append(_text(LEFT + 30, row_y, name))
    parts.append(_text(LEFT + SIDE / 2, TOP + SIDE + 40, "confidence", "middle"))
    parts.append(_text(16, TOP + SIDE / 2, "share right", "middle", turn=True))
    return _svg(LEFT + SIDE + 30, TOP + SIDE + 56, parts)


def groups(rows: Mapping[str, Any]) -> str:
    """The share of right labels for each group of people, with 95 % intervals."""
    step, left, width = 34, 140, 420
    parts = [_text(10, 24, "Four-class label right, all photos of known age", weight="bold")]
    bottom = TOP + step * len(rows)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + width * tick
        parts += [_line(x, TOP, x, bottom, RULE), _text(x, bottom + 18, f"{tick:.0%}", "middle")]
    for place, (name, row) in enumerate(rows.items()):
        share, y = row["right"], TOP + step * place + step / 2
        parts.append(_text(left - 10, y + 4, f"{name} ({share['of']})", "end"))
        if share["share"] is None:
            continue
        low, high = share["interval"]
        bar = f'<rect x="{left}" y="{y - 8}" width="{width * share["share"]:.1f}" height="16" fill="{CALIBRATED}"/>'
        parts += [bar, _line(left + width * low, y, left + width * high, y, INK, width=2)]
    return _svg(left + width + 30, bottom + 34, parts)


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
