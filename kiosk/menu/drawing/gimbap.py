"""Rolls of rice in seaweed: one stands whole behind its slices, so that the filling is seen."""

from collections.abc import Callable

from kiosk.menu.drawing.colour import BEEF, CARROT, CHEESE, OMELETTE, RADISH, SEAWEED, darker, lighter
from kiosk.menu.drawing.crockery import plate
from kiosk.menu.drawing.picture import Picture, number, polar, whole
from kiosk.menu.drawing.pieces import blob, flakes, sesame
from kiosk.menu.drawing.scatter import Scatter

Filling = Callable[[Picture], None]


def _block(
    p: Picture, x: float, y: float, w: float, h: float, colour: str, degrees: float = 0, round_: float = 3
) -> None:
    with p.at(x, y, degrees):
        p.rect(
            -w / 2, -h / 2, w, h, p.shade(colour, 0.25, 0.18), rx=round_, stroke=darker(colour, 0.35), stroke_width=0.8
        )


def _leaf(p: Picture, x: float, y: float, rx: float, ry: float, colour: str, seed: int) -> None:
    p.path(blob(x, y, rx, ry, seed=seed, rough=0.25), p.dome(colour, 0.3, 0.3))
    p.path(
        f"M{number(x - rx * 0.6)} {number(y)}q{number(rx * 0.6)} -4 {number(rx * 1.1)} 1",
        stroke=lighter(colour, 0.4),
        stroke_width=1.2,
        opacity=0.7,
    )


def _base(p: Picture) -> None:
    _block(p, -15, -11, 15, 15, RADISH, 8)
    _block(p, 12, -14, 17, 11, OMELETTE, -8)
    _leaf(p, -1, 15, 15, 8, "#3c7f38", 8)


def ham(p: Picture) -> None:
    _base(p)
    _block(p, 17, 4, 14, 14, "#ee9a8c", 4)
    _block(p, -17, 7, 10, 13, CARROT, -14, 2)
    _block(p, 0, -1, 13, 9, "#9a6233", 20, 2)
    _block(p, -2, -20, 11, 8, "#fbe7d6", 0)


def _veggie(p: Picture) -> None:
    _leaf(p, -4, -14, 21, 11, "#7fbf4d", 4)
    _leaf(p, 9, 15, 15, 9, "#3c7f38", 8)
    _block(p, 17, -3, 12, 15, RADISH, 6)
    for i in range(3):
        _block(p, -18 + i * 5, 2 + i * 2, 4.2, 16, CARROT, -12, 1.5)
    _block(p, 3, 0, 12, 10, "#d7ebb4", 8, 4)
    _leaf(p, -9, 18, 10, 6, "#8e5aa8", 12)
    _block(p, 8, -17, 11, 7, OMELETTE, -10)


def _tuna(p: Picture) -> None:
    p.path(blob(0, 2, 27, 25, seed=9, rough=0.16), p.dome("#4d8a45", 0.25, 0.35))
    p.path(blob(0, 2, 27, 25, seed=9, rough=0.16), "none", stroke="#7d5a8c", stroke_width=1.6, opacity=0.6)
    p.path(blob(1, 3, 20, 17, seed=3, rough=0.14), p.dome("#ead2b4", 0.5, 0.22))
    flakes(p, 1, 4, 15, 12, 12, "#c49a74", seed=2, size=4)
    p.path("M-10 2q6-9 12-3t10-3", stroke="#fffbe9", stroke_width=5)
    _block(p, -17, -15, 12, 11, RADISH, 10)
    _block(p, 16, -14, 13, 9, OMELETTE, -12)
    _block(p, 13, 18, 11, 8, CARROT, 10, 2)


def _cheese(p: Picture) -> None:
    _block(p, 3, -3, 36, 10, CHEESE, -12, 2)
    _block(p, 6, 9, 34, 9, "#ffe58e", -8, 2)
    _block(p, -13, -16, 13, 11, "#ee9a8c", 6)
    _block(p, 12, -19, 13, 9, OMELETTE, -8)
    _leaf(p, 0, 21, 14, 6, "#3c7f38", 8)
    _block(p, -20, 8, 9, 12, CARROT, -14, 2)


def _beef(p: Picture) -> None:
    p.path(blob(2, 3, 23, 18, seed=15, rough=0.22, corners=11), p.dome(BEEF, 0.3, 0.35))
    flakes(p, 2, 3, 18, 13, 14, darker(BEEF, 0.35), seed=5, size=5)
    flakes(p, 0, 0, 16, 11, 9, "#a8704a", seed=8, size=4)
    _block(p, -18, -13, 12, 13, RADISH, 8)
    _block(p, 9, -20, 17, 9, OMELETTE, -8)
    _leaf(p, -6, 23, 13, 6, "#3c7f38", 8)
    _block(p, 22, -6, 8, 11, CARROT, 12, 2)


def _slice(p: Picture, filling: Filling) -> str:
    """A slice whose face looks at the eye; its thickness goes away to the right."""
    scatter = Scatter(31)
    with p.symbol() as name:
        p.ellipse(20, 12, 47, 48, "#2a1406", opacity=0.22)
        p.path(
            "M-4-48.6L18-44A45 47 0 0 1 30 44L6 50Z",
            p.linear([(0, "#4a5a4e", 1), (0.35, SEAWEED, 1), (1, "#0d120f", 1)], to=(0, 1)),
        )
        p.ellipse(0, 0, 47, 49, p.shade(SEAWEED, 0.2, 0.3))
        p.ellipse(-0.6, -0.4, 43.5, 45.5, p.shade("#f6f0e2", 0.8, 0.14))
        for tone, low, high in (("#dfd4bd", 29, 41), ("#ffffff", 27, 41)):
            bars = []
            for _ in range(36):
                far, turn = scatter.between(low, high), scatter.between(0, 360)
                (a, b), (c, d) = polar(0, 0, far, far * 1.05, turn), polar(0, 0, 4.5, 4.5, scatter.between(0, 180))
                bars.append(f"M{whole(a)} {whole(b)}l{whole(c)} {whole(d)}")
            p.path("".join(bars), stroke=tone, stroke_width=3, opacity=0.9)
        with p.group(transform="scale(1.26)"):
            filling(p)
    return name


def _log(p: Picture) -> None:
    """The rest of the roll."""
    d = "M104 128L300 104"
    with p.group():
        p.path(d, stroke="#2a1406", stroke_width=72, opacity=0.2, transform="translate(6 12)")
        for stroke, width, dy in (("#0f1512", 72, 0), (SEAWEED, 64, -3), ("#33443a", 40, -10), ("#4f6457", 18, -17)):
            p.path(d, stroke=stroke, stroke_width=width, transform=f"translate(0 {dy})")
        p.path("M92 104L290 79", stroke="#b9cbbd", stroke_width=4, opacity=0.7, stroke_dasharray="60 12 90 14 30")
    scatter = Scatter(5)
    spots = [(scatter.between(90, 310), scatter.between(-28, 16)) for _ in range(14)]
    p.path(
        "".join(f"M{whole(x)} {whole(128 - (x - 104) * 0.12 + y)}l5 -1" for x, y in spots),
        stroke="#0b100d",
        stroke_width=1.4,
        opacity=0.6,
    )
    sesame(p, 200, 92, 96, 14, 18, seed=4)


def roll(p: Picture, filling: Filling) -> None:
    """A plate of one roll, in the space of a menu picture."""
    plate(p, 200, 172, 186, ry=104)
    _log(p)
    name = _slice(p, filling)
    for i in range(3, -1, -1):
        p.use(name, 85 + i * 69, 188 - i * 7, -4 + i * 3)
    sesame(p, 190, 218, 110, 10, 12, seed=9)


def _picture(filling: Filling) -> Picture:
    p = Picture()
    roll(p, filling)
    return p


def gimbap() -> Picture:
    return _picture(ham)


def veggie_gimbap() -> Picture:
    return _picture(_veggie)


def tuna_gimbap() -> Picture:
    return _picture(_tuna)


def cheese_gimbap() -> Picture:
    return _picture(_cheese)


def beef_gimbap() -> Picture:
    return _picture(_beef)
