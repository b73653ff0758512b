"""Plates, bowls, pots and steam, seen from 35° above: a circle is an ellipse 0.56 times as high as it is wide."""

from kiosk.menu.drawing.colour import CERAMIC, MELAMINE, STEEL, WOOD, darker, lighter, mix
from kiosk.menu.drawing.picture import Picture, number, polar, smooth, whole
from kiosk.menu.drawing.scatter import Scatter

TILT = 0.56


def ring(x: float, y: float, rx: float, ry: float) -> str:
    """Path data of an ellipse, for clips."""
    a, b = number(rx), number(ry)
    return f"M{number(x - rx)} {number(y)}a{a} {b} 0 1 1 {number(2 * rx)} 0a{a} {b} 0 1 1 {number(-2 * rx)} 0Z"


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> str:
    """Path data of an arc, clockwise from `start` to `end`; 0 points right, 90 down."""
    (a, b), (c, d) = polar(x, y, rx, ry, start), polar(x, y, rx, ry, end)
    large = int(end - start > 180)
    return f"M{number(a)} {number(b)}A{number(rx)} {number(ry)} 0 {large} 1 {number(c)} {number(d)}"


def contact_shadow(p: Picture, x: float, y: float, rx: float, ry: float) -> None:
    p.ellipse(x + rx * 0.03, y, rx * 1.05, ry * 1.12, p.fade("#5a3518", 0.42, 0.55))


def plate(p: Picture, x: float, y: float, rx: float, *, colour: str = CERAMIC, ry: float | None = None) -> None:
    """A shallow plate; its well has 0.8 of the radius."""
    ry = rx * TILT if ry is None else ry
    contact_shadow(p, x, y + 16, rx * 0.98, ry)
    p.ellipse(x, y + 9, rx * 0.97, ry * 0.98, p.linear([(0, darker(colour, 0.12), 1), (1, darker(colour, 0.34), 1)]))
    p.ellipse(x, y, rx, ry, p.shade(colour, 0.6, 0.08))
    well = [(0, darker(colour, 0.17), 1), (0.4, darker(colour, 0.05), 1), (1, lighter(colour, 0.45), 1)]
    p.ellipse(x, y + 2, rx * 0.82, ry * 0.79, p.linear(well))
    p.path(arc(x, y, rx - 3, ry - 3, 165, 290), stroke="#fff", stroke_width=2.5, opacity=0.85)
    p.path(
        arc(x, y + 2, rx * 0.82, ry * 0.79, 10, 120),
        stroke="#fff",
        stroke_width=1.6,
        opacity=0.7,
    )
    if colour == MELAMINE:
        _speckles(p, x, y, rx, ry)


def _speckles(p: Picture, x: float, y: float, rx: float, ry: float) -> None:
    scatter = Scatter(7)
    for tint in ("#5f9f84", "#fff"):
        spots = []
        for _ in range(30):
            share = scatter.between(0.84, 0.98)
            a, b = polar(x, y, rx * share, ry * share, scatter.between(0, 360))
            spots.append(f"M{whole(a)} {whole(b)}h.1")
        p.path("".join(spots), stroke=tint, stroke_width=2.1, opacity=0.6)


def bowl(
    p: Picture, x: float, y: float, rx: float, depth: float, *, colour: str = CERAMIC, line: str | None = "#b98a5a"
) -> None:
    """A bowl; what is in it is drawn after, inside `surface`."""
    ry = rx * TILT
    bottom = y + depth
    foot = rx * 0.46
    contact_shadow(p, x, bottom + ry * 0.28, rx * 0.82, ry * 0.52)
    p.ellipse(x, bottom + ry * 0.3, foot, ry * 0.32, darker(colour, 0.34))
    n = number
    side = (
        f"M{n(x - rx)} {n(y)}C{n(x - rx)} {n(y + depth * 0.62)} {n(x - rx * 0.74)} {n(bottom + ry * 0.22)} "
        f"{n(x - foot)} {n(bottom + ry * 0.3)}Q{n(x)} {n(bottom + ry * 0.58)} {n(x + foot)} {n(bottom + ry * 0.3)}"
        f"C{n(x + rx * 0.74)} {n(bottom + ry * 0.22)} {n(x + rx)} {n(y + depth * 0.62)} {n(x + rx)} {n(y)}Z"
    )
    if colour == STEEL:
        stops = [
            (0, "#8f989e", 1),
            (0.12, "#eef2f3", 1),
            (0.3, "#aab3b8", 1),
            (0.55, "#dde3e6", 1),
            (0.8, "#8b949a", 1),
            (0.93, "#c3cbd0", 1),
            (1, "#868f95", 1),
        ]
        p.path(side, p.linear(stops, to=(1, 0.15)))
    else:
        stops = [
            (0, darker(colour, 0.1), 1),
            (0.25, lighter(colour, 0.3), 1),
            (0.6, darker(colour, 0.09), 1),
            (1, darker(colour, 0.36), 1),
        ]
        p.path(side, p.linear(stops, to=(1, 0.35)))
    if line:
        with p.group(clip_path=p.clip(side)):
            p.ellipse(x, y + 13, rx, ry, "none", stroke=line, stroke_width=4, opacity=0.55)
    p.ellipse(x, y, rx, ry, p.linear([(0, lighter(colour, 0.75), 1), (1, darker(colour, 0.1), 1)]))
    inner = [(0, darker(colour, 0.36), 1), (0.5, darker(colour, 0.14), 1), (1, lighter(colour, 0.3), 1)]
    p.ellipse(x, y + 1, rx - 7, ry - 5, p.linear(inner))
    p.path(arc(x, y, rx - 3.5, ry - 2.5, 170, 285), stroke="#fff", stroke_width=2.4, opacity=0.9)


def surface(p: Picture, x: float, y: float, rx: float, colour: str, *, level: float = 9) -> str:
    """Fills a bowl of this centre and rim with a liquid; the clip that keeps what floats inside the bowl."""
    ry = rx * TILT
    a, b = rx * 0.925, ry * 0.91
    p.ellipse(
        x,
        y + level,
        a,
        b - level * 0.4,
        p.linear([(0, darker(colour, 0.25), 1), (0.45, colour, 1), (1, lighter(colour, 0.16), 1)]),
    )
    return p.clip(ring(x, y + 2, rx - 7, ry - 5))


def pot(p: Picture, x: float, y: float, rx: float, depth: float, *, colour: str) -> None:
    """A thin pot with two handles, as ramyeon is cooked and served in."""
    ry = rx * TILT
    contact_shadow(p, x, y + depth + ry * 0.1, rx, ry * 0.98)
    for side in (-1, 1):
        d = f"M{number(x + side * (rx - 4))} {number(y + 2)}q{number(side * 34)} -4 {number(side * 30)} 20t{number(-side * 32)} 16"
        p.path(d, stroke=darker(colour, 0.42), stroke_width=10)
        p.path(d, stroke=colour, stroke_width=5, transform="translate(-1 -2)")
    low = rx * 0.9
    d = (
        f"M{number(x - rx)} {number(y)}L{number(x - low)} {number(y + depth)}"
        f"A{number(low)} {number(low * TILT)} 0 0 0 {number(x + low)} {number(y + depth)}L{number(x + rx)} {number(y)}Z"
    )
    stops = [
        (0, darker(colour, 0.3), 1),
        (0.16, lighter(colour, 0.55), 1),
        (0.34, colour, 1),
        (0.62, lighter(colour, 0.25), 1),
        (0.85, darker(colour, 0.3), 1),
        (1, darker(colour, 0.15), 1),
    ]
    p.path(d, p.linear(stops, to=(1, 0.1)))
    p.ellipse(x, y, rx, ry, p.linear([(0, lighter(colour, 0.7), 1), (1, darker(colour, 0.2), 1)]))
    p.ellipse(x, y + 1, rx - 6, ry - 4.5, p.linear([(0, darker(colour, 0.42), 1), (1, lighter(colour, 0.2), 1)]))
    p.path(arc(x, y, rx - 3, ry - 2.2, 170, 285), stroke="#fff", stroke_width=2.2, opacity=0.9)


def steam(
    p: Picture,
    x: float,
    y: float,
    height: float = 70,
    count: int = 3,
    gap: float = 38,
    colour: str = "#a8937a",
    opacity: float = 0.36,
) -> None:
    """Rising steam, in a warm grey so that it shows on white and on paper."""
    with p.group(filter=p.blur(3.2), stroke=colour, fill="none", opacity=opacity):
        for i in range(count):
            a, h = x + (i - (count - 1) / 2) * gap, height * (0.8 if i % 2 else 1)
            wave = [(a, y), (a - 10, y - h * 0.25), (a + 12, y - h * 0.6), (a - 4, y - h)]
            p.path(smooth(wave, closed=False), stroke_width=7)


def sauce_dish(p: Picture, x: float, y: float, rx: float, liquid: str) -> None:
    ry = rx * TILT
    contact_shadow(p, x, y + 10, rx, ry)
    p.ellipse(x, y + 7, rx * 0.9, ry * 0.95, darker(CERAMIC, 0.3))
    p.ellipse(x, y, rx, ry, p.shade(CERAMIC, 0.6, 0.15))
    p.ellipse(x, y + 1.5, rx * 0.82, ry * 0.78, p.linear([(0, darker(liquid, 0.35), 1), (1, lighter(liquid, 0.12), 1)]))
    p.path(
        arc(x, y + 1.5, rx * 0.66, ry * 0.6, 185, 250),
        stroke="#fff",
        stroke_width=2.4,
        opacity=0.55,
    )


def steamer(p: Picture, x: float, y: float, rx: float, depth: float) -> None:
    """A round bamboo steamer basket, open."""
    ry = rx * TILT
    contact_shadow(p, x, y + depth + 6, rx, ry)
    n = number
    side = f"M{n(x - rx)} {n(y)}V{n(y + depth)}A{n(rx)} {n(ry)} 0 0 0 {n(x + rx)} {n(y + depth)}V{n(y)}Z"
    stops = [(0, darker(WOOD, 0.25), 1), (0.25, lighter(WOOD, 0.25), 1), (0.65, WOOD, 1), (1, darker(WOOD, 0.42), 1)]
    p.path(side, p.linear(stops, to=(1, 0.1)))
    for low in (0.36, 0.72):
        p.path(
            f"M{n(x - rx)} {n(y + depth * low)}A{n(rx)} {n(ry)} 0 0 0 {n(x + rx)} {n(y + depth * low)}",
            stroke=darker(WOOD, 0.45),
            stroke_width=2.4,
            opacity=0.6,
        )
    p.ellipse(x, y, rx, ry, p.shade(lighter(WOOD, 0.25), 0.3, 0.2))
    p.ellipse(x, y, rx - 5, ry - 4, "none", stroke=darker(WOOD, 0.3), stroke_width=1.5, opacity=0.5)
    p.ellipse(x, y + 2, rx - 12, ry - 9, darker(WOOD, 0.45))
    p.ellipse(x, y + 8, rx - 15, ry - 13, mix(WOOD, "#fff3d8", 0.5))
    with p.group(clip_path=p.clip(ring(x, y + 8, rx - 15, ry - 13)), stroke=darker(WOOD, 0.2), opacity=0.55):
        p.path(
            "".join(f"M{n(x - rx)} {n(y - ry + i * 11)}h{n(2 * rx)}" for i in range(int(ry / 5.5) + 1)),
            stroke_width=1.8,
        )
