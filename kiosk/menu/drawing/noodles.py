"""Noodles: ramyeon in its brass-coloured pot, soups in bowls, cold noodles in steel."""

from kiosk.menu.drawing.colour import BRASS, CARROT, CHEESE, GOCHUJANG, LACQUER, OMELETTE, STEEL, darker
from kiosk.menu.drawing.crockery import arc, bowl, pot, steam, surface
from kiosk.menu.drawing.picture import Picture
from kiosk.menu.drawing.pieces import (
    blob,
    fish_cake,
    flakes,
    gloss,
    half_egg,
    nest,
    onion_rings,
    onion_slivers,
    sesame,
    sticks,
    strands,
)

X, Y, R = 200, 142, 152


def _oil(p: Picture, colour: str, spots: tuple[tuple[float, float, float], ...]) -> None:
    for x, y, r in spots:
        p.ellipse(x, y, r, r * 0.55, colour, opacity=0.5)
        p.path(arc(x, y, r * 0.7, r * 0.36, 180, 270), stroke="#fff", stroke_width=1.2, opacity=0.7)


def _ramyeon(p: Picture) -> None:
    pot(p, X, 138, 142, 74, colour=BRASS)
    clip = surface(p, X, 138, 142, "#d4501f", level=10)
    with p.group(clip_path=clip):
        nest(p, X, 148, 118, 62, width=9, colour="#f6c35a", seed=6, wave=2.5)
        _oil(p, "#f08a3a", ((92, 138, 9), (104, 168, 6), (306, 136, 8), (294, 172, 10), (184, 206, 8), (240, 202, 5)))
        gloss(p, [arc(X, 148, 124, 66, 195, 222), arc(X, 148, 124, 64, 60, 82)], 4, 0.5)


def ramyeon() -> Picture:
    p = Picture()
    _ramyeon(p)
    half_egg(p, 236, 138, -14, 1.05, soft=True)
    onion_slivers(p, [(136, 132), (152, 178), (186, 118), (286, 158)], 0.95)
    onion_rings(p, [(124, 156), (172, 150), (206, 180), (262, 182), (160, 124), (228, 196)], 1.05)
    flakes(p, X, 150, 104, 50, 16, "#a8281a", size=2.6)
    steam(p, 196, 84, 70)
    return p


def cheese_ramyeon() -> Picture:
    p = Picture()
    _ramyeon(p)
    sheet = "M134 138Q138 128 152 124L214 104Q226 101 236 110L274 140Q282 150 270 158L206 188Q192 194 180 184L142 152Q134 146 134 138Z"
    p.path(sheet, "#4a1405", opacity=0.35, transform="translate(2 8)")
    p.path(sheet, darker(CHEESE, 0.25), transform="translate(0 4)")
    p.path(sheet, p.linear([(0, "#fff0a8", 1), (0.5, CHEESE, 1), (1, "#f0ae35", 1)]))
    p.path("M150 136L214 115Q222 113 230 119", stroke="#fffbe0", stroke_width=4, opacity=0.8)
    p.path("M176 170Q190 184 206 176L250 156", stroke="#e09a28", stroke_width=5, opacity=0.4)
    p.path("M232 152q12 20 2 34q-8 6-10-6q-2-10-8-12z", p.linear([(0, CHEESE, 1), (1, "#f0b03a", 1)], to=(0, 1)))
    onion_rings(
        p, [(124, 166), (112, 138), (206, 140), (192, 152), (222, 134), (286, 172), (168, 204), (290, 126)], 1.05
    )
    onion_slivers(p, [(150, 184), (262, 112)], 0.95)
    flakes(p, 204, 146, 44, 22, 14, "#a8281a", size=2.4)
    steam(p, 196, 84, 70)
    return p


def _thin_noodles(p: Picture, colour: str) -> None:
    """Thin noodles folded into one smooth coil, as a cook turns them out of the hand."""
    p.ellipse(X, 156, 115, 57, darker(colour, 0.17))
    for tilt, x, y, rx, ry in (
        (0, 200, 156, 112, 54),
        (-8, 194, 150, 92, 43),
        (6, 206, 145, 70, 32),
        (0, 200, 142, 48, 21),
    ):
        with p.at(x, y, tilt):
            strands(
                p,
                [
                    arc(0, 0, rx - i * 5.4, (rx - i * 5.4) * ry / rx, -104 + 5 * i, 246 - 5 * i)
                    for i in range(6)
                    if rx - i * 5.4 > 12
                ],
                5.4,
                colour,
            )


def janchi_guksu() -> Picture:
    p = Picture()
    bowl(p, X, Y, R, 76)
    clip = surface(p, X, Y, R, "#d9ab5f")
    with p.group(clip_path=clip):
        _thin_noodles(p, "#fbf1da")
        _oil(p, "#ecca84", ((84, 146, 8), (98, 178, 6), (312, 150, 9), (300, 180, 6), (206, 216, 7)))
        gloss(p, [arc(X, 152, 130, 68, 194, 222), arc(X, 152, 132, 66, 58, 82)], 4, 0.6)
    for x, y, colour, turn, seed in (
        (148, 134, OMELETTE, 24, 3),
        (188, 122, "#7cb342", 10, 5),
        (232, 126, CARROT, -10, 7),
        (258, 148, "#fdf6e6", -28, 9),
    ):
        sticks(p, x, y, length=50, width=6.5, colour=colour, count=10, degrees=turn, seed=seed, spread=12)
    sticks(p, 204, 146, length=44, width=5.5, colour="#35443b", count=10, degrees=20, seed=12, spread=15)
    sesame(p, 204, 150, 70, 30, 18)
    onion_rings(p, [(150, 172), (250, 180), (200, 186)], 0.95)
    steam(p, 200, 84, 66)
    return p


def bibim_guksu() -> Picture:
    p = Picture()
    bowl(p, X, Y, R, 76, colour=STEEL, line=None)
    p.path(blob(X, 168, 122, 54, seed=5, rough=0.05, corners=12), "#8f1f0d", opacity=0.9)
    p.path(blob(X + 4, 160, 112, 58, seed=8, rough=0.03, corners=13), "#3b0d04", opacity=0.35)
    nest(p, X, 150, 112, 60, width=6.4, colour="#e2512c", seed=14, bundles=10, each=7)
    p.ellipse(204, 148, 66, 32, "#5c1206", opacity=0.45)
    nest(p, 202, 138, 70, 34, width=6, colour="#ea6038", seed=4, bundles=7, each=6)
    gloss(p, [arc(200, 150, 94, 48, 198, 226), arc(200, 152, 98, 50, 44, 66)], 5, 0.45)
    sticks(p, 146, 142, length=62, width=7, colour="#9ccc5a", count=14, degrees=28, seed=3, spread=15)
    sticks(p, 184, 118, length=50, width=6.5, colour="#f3ece0", count=8, degrees=-16, seed=8, spread=10)
    sticks(p, 250, 162, length=46, width=6, colour="#35443b", count=10, degrees=-30, seed=12, spread=12)
    half_egg(p, 232, 128, -14, 1.02)
    p.path(blob(188, 162, 23, 13, seed=4), "#5f1006", opacity=0.6, transform="translate(1 4)")
    p.path(blob(188, 160, 22, 13, seed=4), p.dome(GOCHUJANG, 0.35, 0.3))
    gloss(p, ["M177 156q5-5 12-5"], 3, 0.7)
    sesame(p, 200, 150, 92, 44, 40)
    return p


def kal_guksu() -> Picture:
    p = Picture()
    bowl(p, X, Y, R, 76)
    clip = surface(p, X, Y, R, "#ead9b2")
    with p.group(clip_path=clip):
        nest(p, X, 154, 124, 62, width=14, colour="#fbf0d3", seed=14, bundles=9, each=4)
        gloss(p, [arc(X, 152, 132, 68, 194, 222), arc(X, 152, 132, 66, 58, 82)], 4, 0.7)
    for x, y, turn in ((148, 130, 14), (170, 150, -24), (128, 152, 40)):
        with p.at(x, y, turn):
            p.path("M-24 5A24 18 0 0 1 24 5Z", "#3b2510", opacity=0.25, transform="translate(2 6)")
            p.path("M-24 5A24 18 0 0 1 24 5Z", p.shade("#8fc15a", 0.2, 0.2))
            p.path("M-19 2A19 14 0 0 1 19 2Z", p.shade("#e6f2bd", 0.4, 0.1))
    for x, y, turn in ((238, 128, -16), (268, 158, 24), (222, 172, 4)):
        _clam(p, x, y, turn)
    sticks(p, 196, 126, length=44, width=6.5, colour=CARROT, count=7, degrees=-14, seed=7, spread=10)
    onion_slivers(p, [(160, 182), (200, 152), (186, 196), (118, 170)], 0.95)
    sticks(p, 204, 148, length=32, width=5, colour="#35443b", count=8, degrees=30, seed=12, spread=10)
    sesame(p, X, 156, 90, 40, 14)
    steam(p, 200, 84, 66)
    return p


def _clam(p: Picture, x: float, y: float, degrees: float) -> None:
    """An opened short-neck clam: the fan of its upper shell, the lower shell with the flesh."""
    with p.at(x, y, degrees):
        p.ellipse(3, 10, 31, 15, "#3b2510", opacity=0.28)
        fan = "M-30 4C-34-16-18-32 0-32S34-16 30 4Q0-8-30 4Z"
        p.path(fan, p.shade("#b9a795", 0.35, 0.3))
        ribs = "".join(f"M{i * 5} 0Q{i * 9} -14 {i * 9.5:.0f} {-29 + i * i * 2.2:.0f}" for i in range(-2, 3))
        p.path(ribs, stroke="#6f5e50", stroke_width=2, opacity=0.6)
        p.path("M-24-4A27 20 0 0 1 24-4M-17-14A20 12 0 0 1 17-14", stroke="#f0e4d2", stroke_width=1.8, opacity=0.7)
        p.path("M-30 4Q0-9 30 4Q18 18 0 18T-30 4Z", p.shade("#f3eadb", 0.5, 0.3))
        p.path("M-17 5Q-8-3 2 2T18 5Q10 13-2 11T-17 5Z", p.shade("#e79a4e", 0.4, 0.25))
        gloss(p, ["M-8 4q4-2 8 0"], 2.2, 0.8)


def udon() -> Picture:
    p = Picture()
    bowl(p, X, Y, R, 76, colour=LACQUER, line=GOCHUJANG)
    clip = surface(p, X, Y, R, "#b9762f")
    with p.group(clip_path=clip):
        nest(p, X, 158, 124, 60, width=17, colour="#fcf4e2", seed=9, bundles=8, each=3)
        _oil(p, "#d79a4c", ((80, 148, 8), (316, 152, 8), (104, 186, 7), (292, 192, 6)))
        gloss(p, [arc(X, 152, 132, 68, 194, 222), arc(X, 152, 132, 66, 58, 82)], 4, 0.5)
    fish_cake(p, 152, 134, -14, 1.15, "#dd9f45")
    fish_cake(p, 186, 124, 16, 1.0, "#e2a850")
    for x, y, turn in ((238, 134, -12), (266, 152, 10)):
        _fish_roll(p, x, y, turn)
    sticks(p, 226, 166, length=44, width=6, colour="#3c7f38", count=10, degrees=-20, seed=3, spread=11)
    onion_rings(p, [(150, 172), (176, 164), (196, 186), (164, 190), (204, 152), (262, 186)], 1.1)
    flakes(p, 176, 178, 40, 18, 14, "#e8b75c", seed=6, size=5)
    flakes(p, X, 152, 80, 38, 12, "#b5301d", size=2.2)
    steam(p, 200, 84, 66)
    return p


def _fish_roll(p: Picture, x: float, y: float, degrees: float) -> None:
    """A slice of steamed fish cake, pink outside with a pink swirl."""
    with p.at(x, y, degrees):
        p.ellipse(3, 8, 27, 20, "#3b1a08", opacity=0.3)
        p.ellipse(0, 4, 26, 19, "#d9788a")
        p.ellipse(0, 0, 26, 19, "#f094a2")
        p.ellipse(0, 0, 23, 16.4, p.shade("#fff9f0", 0.8, 0.08))
        p.path("M-2 1q3-5 7-1t-4 8t-15-3t3-14t21 3t-1 13", stroke="#ea7f92", stroke_width=3.4)
