"""Drinks: glasses with ice, sikhye in a bowl, water in a bottle."""

from kiosk.menu.drawing.colour import WOOD, darker, lighter
from kiosk.menu.drawing.crockery import arc, bowl, contact_shadow, surface
from kiosk.menu.drawing.picture import Picture, number, polar
from kiosk.menu.drawing.pieces import gloss, grains
from kiosk.menu.drawing.scatter import Scatter

FLAT = 0.36  # a tall glass is seen a little more from the side


def _body(x: float, top: float, bottom: float, wide: float, narrow: float) -> str:
    n = number
    return (
        f"M{n(x - wide)} {n(top)}L{n(x - narrow)} {n(bottom)}A{n(narrow)} {n(narrow * FLAT)} 0 0 0 {n(x + narrow)} {n(bottom)}"
        f"L{n(x + wide)} {n(top)}A{n(wide)} {n(wide * FLAT)} 0 0 1 {n(x - wide)} {n(top)}Z"
    )


def _ice(p: Picture, x: float, y: float, degrees: float, tint: str, scale: float = 1) -> None:
    with p.at(x, y, degrees, scale):
        p.path("M-22-12L2-20L24-10L22 14L-2 24L-22 12Z", p.linear([(0, "#fff", 0.85), (1, tint, 0.45)]))
        p.path("M-22-12L2-20L24-10L0-2Z", "#fff", opacity=0.6)
        p.path("M0-2L-2 24M-22-12L0-2L24-10", stroke="#fff", stroke_width=1.8, opacity=0.8)


def _glass(
    p: Picture,
    x: float,
    liquid: tuple[str, str],
    *,
    top: float = 50,
    bottom: float = 250,
    wide: float = 66,
    narrow: float = 49,
    level: float = 78,
    tint: str = "#bcd6dc",
) -> str:
    """A glass with its drink; the clip of what is inside."""
    contact_shadow(p, x + 4, bottom + 6, narrow * 1.5, narrow * 0.62)
    outer = _body(x, top, bottom, wide, narrow)
    p.path(
        outer,
        p.linear([(0, tint, 0.75), (0.3, "#f4fafa", 0.55), (0.7, tint, 0.4), (1, darker(tint, 0.18), 0.8)], to=(1, 0)),
    )
    share = (level - top) / (bottom - top)
    at = wide + (narrow - wide) * share - 4
    inner = _body(x, level, bottom - 8, at, narrow - 5)
    pale, deep = liquid
    p.path(inner, p.linear([(0, deep, 1), (0.28, pale, 1), (0.7, deep, 1), (1, darker(deep, 0.3), 1)], to=(1, 0.12)))
    p.ellipse(x, level, at, at * FLAT, p.linear([(0, deep, 1), (1, lighter(pale, 0.25), 1)]))
    return p.clip(_body(x, level - 26, bottom - 8, at + 2, narrow - 5))


def _shine(
    p: Picture,
    x: float,
    *,
    top: float = 50,
    bottom: float = 250,
    wide: float = 66,
    narrow: float = 49,
    edge: str = "#9dbcc4",
) -> None:
    p.ellipse(x, top, wide, wide * FLAT, "none", stroke=edge, stroke_width=3, opacity=0.8)
    p.ellipse(x, top - 0.8, wide - 1, wide * FLAT - 1, "none", stroke="#fff", stroke_width=1.6)
    n = number
    p.path(
        f"M{n(x - wide + 13)} {n(top + 30)}L{n(x - narrow + 8)} {n(bottom - 26)}",
        stroke="#fff",
        stroke_width=8,
        opacity=0.55,
    )
    p.path(
        f"M{n(x + wide - 12)} {n(top + 40)}L{n(x + wide - 18)} {n(top + 110)}",
        stroke="#fff",
        stroke_width=4,
        opacity=0.4,
    )
    p.path(
        arc(x, bottom - 1, narrow - 4, narrow * FLAT, 30, 150),
        stroke="#fff",
        stroke_width=3,
        opacity=0.6,
    )


def _bubbles(p: Picture, x: float, top: float, bottom: float, half: float, count: int, seed: int, colour: str) -> None:
    scatter = Scatter(seed)
    for size in (2.6, 4.4):
        spots = [
            f"M{scatter.between(x - half, x + half):.0f} {scatter.between(top, bottom):.0f}h.1" for _ in range(count)
        ]
        p.path("".join(spots), stroke=colour, stroke_width=size, opacity=0.75)


def _drops(p: Picture, x: float, seed: int) -> None:
    """Condensation on the cold glass."""
    scatter = Scatter(seed)
    for side in (-1, 1):
        for _ in range(5):
            a, b = x + side * scatter.between(28, 50), scatter.between(120, 220)
            p.ellipse(a, b, 2.2, 3.2, "#fff", opacity=0.6)


def cola() -> Picture:
    p = Picture()
    clip = _glass(p, 200, ("#7c3516", "#34120a"))
    with p.group(clip_path=clip):
        for x, y, turn, scale in ((172, 128, -10, 0.95), (222, 138, 14, 1), (186, 180, 24, 0.8)):
            with p.group(opacity=0.5):
                _ice(p, x, y, turn, "#b0653c", scale)
        p.path("M160 232Q200 244 240 232", stroke="#b5602c", stroke_width=12, opacity=0.4)
        _bubbles(p, 200, 104, 232, 42, 12, 4, "#e8a878")
    p.ellipse(200, 79, 57, 19, "none", stroke="#d9a67c", stroke_width=3, opacity=0.8)
    _straw(p, "#d6402a")
    for x, y, turn, scale in ((178, 80, -12, 1), (224, 82, 16, 0.95)):
        _ice(p, x, y, turn, "#c98a62", scale)
    _shine(p, 200)
    _drops(p, 200, 3)
    return p


def _straw(p: Picture, colour: str) -> None:
    with p.group(stroke_linecap="butt"):
        p.path("M206 96L236 8", stroke=darker(colour, 0.3), stroke_width=12)
        p.path("M205 96L235 8", stroke=colour, stroke_width=10)
        p.path("M203 94L232 8", stroke="#fff", stroke_width=3, opacity=0.6)
        p.path("M211 76l6-16M220 52l6-16M229 28l5-14", stroke="#fff6ea", stroke_width=10)


def cider() -> Picture:
    p = Picture()
    clip = _glass(p, 200, ("#f2fbf8", "#c2e4df"), tint="#a9d0d2")
    with p.group(clip_path=clip):
        for x, y, turn, scale in ((172, 130, -10, 1), (224, 142, 14, 1.05), (184, 186, 24, 0.9)):
            _ice(p, x, y, turn, "#93c7cb", scale)
        _bubbles(p, 200, 96, 236, 44, 26, 7, "#fff")
        _bubbles(p, 200, 96, 236, 44, 14, 9, "#7fb9bd")
    p.ellipse(200, 79, 57, 19, "none", stroke="#fff", stroke_width=3, opacity=0.9)
    _straw(p, "#4f9f57")
    for x, y, turn, scale in ((176, 80, -12, 1), (226, 84, 16, 0.9)):
        _ice(p, x, y, turn, "#93c7cb", scale)
    _shine(p, 200, edge="#79aeb4")
    with p.at(142, 56, -16):
        p.ellipse(2, 4, 29, 29, "#2a1406", opacity=0.15)
        p.ellipse(0, 0, 29, 29, p.shade("#6aa83c", 0.2, 0.2))
        p.ellipse(0, 0, 25, 25, "#f3f8d8")
        for i in range(8):
            (a, b), (c, d), (e, f) = (
                polar(0, 0, 4, 4, i * 45),
                polar(0, 0, 22, 22, i * 45 - 17),
                polar(0, 0, 22, 22, i * 45 + 17),
            )
            p.path(
                f"M{number(a)} {number(b)}L{number(c)} {number(d)}A22 22 0 0 1 {number(e)} {number(f)}Z",
                "#b9d968",
                stroke="#b9d968",
                stroke_width=2,
            )
        gloss(p, [arc(0, 0, 18, 18, 200, 250)], 3, 0.7)
    _drops(p, 200, 5)
    return p


def water() -> Picture:
    p = Picture()
    _bottle(p, 140)
    _glass(p, 272, ("#eaf7fb", "#bfe0ea"), top=146, bottom=252, wide=52, narrow=42, level=166, tint="#a8cfdb")
    p.ellipse(272, 166, 44, 15, "none", stroke="#fff", stroke_width=2, opacity=0.9)
    _shine(p, 272, top=146, bottom=252, wide=52, narrow=42, edge="#7fb3c4")
    return p


def _bottle(p: Picture, x: float) -> None:
    contact_shadow(p, x + 4, 258, 72, 28)
    d = (
        f"M{x - 17} 44V62C{x - 17} 84 {x - 50} 88 {x - 50} 122V146Q{x - 45} 152 {x - 50} 158V246"
        f"Q{x - 50} 268 {x} 268T{x + 50} 246V158Q{x + 45} 152 {x + 50} 146V122C{x + 50} 88 {x + 17} 84 {x + 17} 62V44Z"
    )
    p.path(
        d,
        p.linear(
            [(0, "#8fc3d4", 0.95), (0.25, "#eefafd", 0.9), (0.6, "#b6dcea", 0.85), (1, "#6aa7bd", 0.95)], to=(1, 0)
        ),
    )
    with p.group(clip_path=p.clip(d)):
        p.path(
            f"M{x - 60} 100H{x + 60}V280H{x - 60}Z",
            p.linear([(0, "#7fbfd6", 0.55), (0.3, "#d8f1f8", 0.5), (1, "#5a9fba", 0.6)], to=(1, 0)),
        )
        p.ellipse(x, 100, 46, 9, "#e4f6fb", opacity=0.9)
        p.rect(x - 52, 168, 104, 56, p.linear([(0, "#2f7fa3", 1), (0.3, "#62b3d0", 1), (1, "#256a8b", 1)], to=(1, 0)))
        p.path(f"M{x - 52} 168q52 16 104 0v-8H{x - 52}zM{x - 52} 224q52 16 104 0v10H{x - 52}z", "#cfeaf3", opacity=0.85)
        p.path(f"M{x} 182q17 21 17 29a17 14 0 0 1-34 0q0-8 17-29z", "#fff", opacity=0.92)
        p.path(f"M{x - 52} 246q52 16 104 0", stroke="#fff", stroke_width=3, opacity=0.5)
    p.path(f"M{x - 36} 118V156M{x - 36} 238v12", stroke="#fff", stroke_width=8, opacity=0.7)
    p.path(
        f"M{x - 21} 28V48Q{x} 58 {x + 21} 48V28Z",
        p.linear([(0, "#2f7fa3", 1), (0.35, "#7cc3da", 1), (1, "#235f7d", 1)], to=(1, 0)),
    )
    p.ellipse(x, 28, 21, 7.5, p.shade("#5fb0cc", 0.4, 0.1))
    p.path(
        "".join(f"M{x + i * 7} {33 + 4 - abs(i)}v13" for i in range(-2, 3)),
        stroke="#1f5873",
        stroke_width=1.6,
        opacity=0.5,
    )


def sikhye() -> Picture:
    p = Picture()
    bowl(p, 200, 142, 146, 74)
    surface(p, 200, 142, 146, "#ead5a4")
    p.ellipse(200, 154, 118, 60, p.fade("#fff6dc", 0.7, 0.2))
    for x, y, rx, ry, count, seed in ((158, 168, 54, 24, 34, 3), (246, 164, 50, 24, 30, 6), (200, 134, 62, 18, 24, 9)):
        grains(p, x, y, rx, ry, count, "#fbf3de", seed=seed)
    with p.symbol() as nut:
        p.ellipse(1, 4, 12, 6.6, "#4a2c0c", opacity=0.3)
        p.ellipse(0, 0, 12, 6.8, p.dome("#f6dfa6", 0.6, 0.3))
        p.ellipse(-9, -0.4, 2.6, 3.4, "#b98345", opacity=0.7)
        p.path("M-5-3q5-2 9-1", stroke="#fff", stroke_width=2, opacity=0.9)
    for x, y, turn in (
        (146, 144, 20),
        (170, 176, -30),
        (258, 142, 50),
        (240, 180, 10),
        (196, 190, 70),
        (124, 168, -60),
        (280, 168, -20),
    ):
        p.use(nut, x, y, turn)
    for x, y, turn in ((206, 150, -10), (228, 160, 30)):
        with p.at(x, y, turn):
            p.ellipse(2, 5, 17, 12, "#4a2c0c", opacity=0.3)
            p.ellipse(0, 1, 17, 12, "#6e1f16")
            p.ellipse(0, 0, 14, 9.4, p.dome("#d98c52", 0.3, 0.2))
            p.path("M-6-1q3-5 7-1t5 4q-4 3-8 0t-4-3", "#8c3a22", opacity=0.8)
    gloss(p, [arc(200, 152, 126, 64, 196, 222), arc(200, 152, 128, 62, 58, 80)], 4, 0.75)
    for width, tone in ((15, darker(WOOD, 0.3)), (11, WOOD)):
        p.path("M268 132Q312 84 356 44", stroke=tone, stroke_width=width * 0.7)
    p.path("M270 128Q312 82 354 44", stroke=lighter(WOOD, 0.5), stroke_width=2.4, opacity=0.8)
    p.ellipse(262, 136, 24, 13, p.shade(WOOD, 0.35, 0.3), transform="rotate(-34 262 136)")
    p.ellipse(261, 137, 18, 9, "#ecd9a8", transform="rotate(-34 261 137)")
    return p
