"""Dishes of rice."""

from kiosk.menu.drawing.colour import (
    BATTER,
    BEEF,
    CARROT,
    GOCHUJANG,
    OMELETTE,
    PORK,
    RICE,
    SPRING_ONION,
    darker,
    lighter,
)
from kiosk.menu.drawing.crockery import bowl, plate, steam, surface
from kiosk.menu.drawing.picture import Picture, polar
from kiosk.menu.drawing.pieces import (
    blob,
    flakes,
    fried_egg,
    gloss,
    grains,
    heap,
    onion_rings,
    onion_slivers,
    sesame,
    sticks,
)
from kiosk.menu.drawing.scatter import Scatter

X, Y, R = 200, 142, 152


def _mound(
    p: Picture, x: float, y: float, rx: float, ry: float, colour: str, *, count: int = 60, seed: int = 3
) -> None:
    """A mound of cooked rice."""
    p.path(blob(x + 3, y + 7, rx, ry, seed=seed, rough=0.03, corners=13), "#3b1a08", opacity=0.25)
    p.path(blob(x, y, rx, ry, seed=seed, rough=0.03, corners=13), p.dome(colour, 0.4, 0.2))
    grains(p, x, y, rx * 0.93, ry * 0.92, count, colour, seed=seed)


def bibimbap() -> Picture:
    p = Picture()
    bowl(p, X, Y, R, 76)
    surface(p, X, Y, R, RICE)
    _mound(p, X, 148, 134, 68, RICE, count=24)
    heaps = (
        (-90, CARROT),
        (-45, "#4f8f3f"),
        (0, "#8a5a3a"),
        (45, "#f3e6bd"),
        (90, "#9ccb5c"),
        (135, BEEF),
        (180, "#f6efe0"),
        (225, "#8c6a8f"),
    )
    shreds = heap(p, length=54, width=6.5, count=18, seed=5, spread=17)
    with p.symbol() as bed:
        p.path(blob(2, 6, 42, 25, seed=4, rough=0.08), "#2a1406", opacity=0.28)
        p.path(blob(0, 0, 42, 25, seed=4, rough=0.08))
    for order in (4, 5, 3, 6, 2, 7, 1, 0)[::-1]:
        turn, colour = heaps[order]
        x, y = polar(X, 144, 84, 38, turn)
        p.use(bed, x, y, fill=darker(colour, 0.18))
        if turn == 135:
            flakes(p, x, y, 34, 18, 24, darker(colour, 0.25), seed=4, size=7)
            flakes(p, x, y - 2, 32, 16, 20, lighter(colour, 0.25), seed=9, size=6)
        else:
            p.use(shreds, x, y, (turn + 20) % 180 * 0.5 - 40, stroke=colour)
    fried_egg(p, X, 140, 0.88)
    p.path(blob(230, 166, 21, 12, seed=4), "#3b0d04", opacity=0.4, transform="translate(1 4)")
    p.path(blob(230, 164, 20, 12, seed=4), p.dome(GOCHUJANG, 0.3, 0.35))
    gloss(p, ["M220 160q5-4 11-4"], 3, 0.7)
    sesame(p, X, 144, 100, 46, 26)
    return p


def kimchi_bokkeumbap() -> Picture:
    p = Picture()
    plate(p, X, 170, 178)
    dome = "M74 168C78 112 134 84 200 84S322 112 326 168C328 206 270 226 200 226S72 206 74 168Z"
    p.path(dome, "#3b1a08", opacity=0.3, transform="translate(5 9)")
    p.path(dome, p.dome("#e27a38", 0.35, 0.35))
    grains(p, X, 152, 116, 62, 170, "#e58a4a", seed=3)
    scatter = Scatter(8)
    for i in range(14):
        x, y = polar(X, 156, scatter.between(60, 112), scatter.between(36, 56), i * 26 + 10)
        p.path(blob(x, y, 11, 7, seed=i, rough=0.3, corners=6), p.shade("#b8321c" if i % 3 else "#f0d9a8", 0.3, 0.3))
    onion_rings(p, [(112, 168), (142, 196), (262, 190), (294, 158), (190, 208), (236, 204)], 0.95)
    p.path(blob(X, 136, 70, 34, seed=3), "#5c1c08", opacity=0.22)
    fried_egg(p, X, 130, 1.15)
    sticks(p, 172, 158, length=30, width=5, colour="#35443b", count=10, degrees=24, seed=12, spread=14)
    sesame(p, X, 160, 104, 48, 24)
    steam(p, 200, 72, 56)
    return p


def omurice() -> Picture:
    p = Picture()
    plate(p, X, 172, 182)
    body = "M62 164C70 110 138 82 204 82C274 82 332 112 338 160C342 196 276 218 202 218C126 218 58 200 62 164Z"
    p.path(body, "#4a2408", opacity=0.28, transform="translate(5 10)")
    p.path(body, darker(OMELETTE, 0.2), transform="translate(0 4)")
    p.path(body, p.radial([(0, "#fff0a6", 1), (0.5, OMELETTE, 1), (1, "#e9a52e", 1)], centre=(0.38, 0.22), radius=0.8))
    with p.group(clip_path=p.clip(body)):
        p.ellipse(150, 104, 62, 20, p.fade("#fffbe0", 0.9, 0.1), transform="rotate(-12 150 104)")
        p.path("M58 178Q120 206 206 204Q300 202 340 168", stroke="#d98e22", stroke_width=9, opacity=0.3)
        p.path(
            "M84 176q24 18 60 22M300 118q16 14 20 32M226 204q40-2 66-16",
            stroke="#d98e22",
            stroke_width=3.5,
            opacity=0.4,
        )
        flakes(p, 200, 150, 110, 54, 16, "#e2a02c", seed=6, size=5)
    ketchup = "M108 156C122 108 140 112 144 138S160 182 178 136S208 100 214 136S228 178 246 134S272 104 284 148"
    p.path(ketchup, stroke="#6d1206", stroke_width=15, opacity=0.35, transform="translate(2 6)")
    p.path(ketchup, stroke="#a81f0d", stroke_width=15)
    p.path(ketchup, stroke="#dc3a22", stroke_width=11.5, transform="translate(-.5 -1.5)")
    p.path(
        ketchup,
        stroke="#ff9c82",
        stroke_width=2.6,
        transform="translate(-2.5 -3.5)",
        opacity=0.9,
    )
    for x, y, turn in ((310, 196, 20), (330, 188, 70), (318, 208, -40)):
        with p.at(x, y, turn):
            leaf = "M0 4Q-16 0-16-12Q-8-10-6-22Q4-18 8-24Q12-14 20-12Q14 2 0 4Z"
            p.path(leaf, "#2a1406", opacity=0.25, transform="translate(2 4)")
            p.path(leaf, p.shade("#5fa544", 0.35, 0.25))
    p.ellipse(86, 210, 13, 12, p.dome("#d9331f", 0.4, 0.3))
    p.ellipse(82, 205, 4, 2.6, "#fff", opacity=0.7)
    return p


def donkkaseu() -> Picture:
    p = Picture()
    plate(p, X, 166, 188)
    _mound(p, 294, 130, 46, 34, RICE, count=36, seed=5)
    flakes(p, 292, 120, 20, 10, 7, "#2d2a22", seed=4, size=1.6)
    p.path(blob(186, 104, 70, 30, seed=6, rough=0.1), "#2a1406", opacity=0.2, transform="translate(3 6)")
    p.path(blob(186, 104, 70, 30, seed=6, rough=0.1), "#a9c987")
    sticks(p, 186, 104, length=72, width=5, colour="#cfe6a2", count=26, degrees=10, seed=3, spread=32)
    sticks(p, 184, 94, length=58, width=4.5, colour="#f4f8e0", count=16, degrees=-18, seed=8, spread=24)
    p.path("M158 88q16-10 30 2t30 0", stroke="#f08d78", stroke_width=7)
    p.path("M160 86q14-8 26 1", stroke="#ffd0c0", stroke_width=2)
    cutlet = blob(164, 172, 112, 54, seed=21, rough=0.07, corners=15)
    p.path(cutlet, "#2a1406", opacity=0.3, transform="translate(4 14)")
    p.path(cutlet, darker(BATTER, 0.45), transform="translate(0 9)")
    p.path(cutlet, p.shade("#d08d35", 0.3, 0.25))
    flakes(p, 164, 172, 106, 50, 40, "#f0c070", seed=3, size=4)
    flakes(p, 164, 174, 106, 50, 28, "#9c5c1e", seed=7, size=3)
    sauce = (
        "M84 160C92 138 140 128 176 132C214 132 250 144 252 164C254 176 246 184 244 196C242 204 232 204 230 196"
        "C226 186 210 190 206 200C202 212 190 212 188 202C182 192 160 196 150 204C142 214 130 210 130 200C126 190 84 184 84 160Z"
    )
    p.path(sauce, "#1d0a04", opacity=0.4, transform="translate(1 4)")
    p.path(sauce, p.linear([(0, "#8a4a22", 1), (0.5, "#66300f", 1), (1, "#481d0a", 1)]))
    gloss(p, ["M104 154q16-12 44-14", "M166 140h14", "M234 164q4 6 2 14"], 4, 0.55)
    flakes(p, 170, 160, 60, 20, 14, "#5fa544", seed=5, size=2.6)
    for x, y in ((286, 180), (300, 188), (278, 192), (312, 176), (294, 174), (306, 198), (288, 202)):
        p.ellipse(x + 1, y + 3, 8, 6, "#2a1406", opacity=0.25)
        p.ellipse(x, y, 7.6, 6.4, p.dome("#f8c93c", 0.5, 0.2))
    for x, y, turn in ((322, 170, 20), (330, 182, 80)):
        with p.at(x, y, turn):
            p.path("M-14 4Q0-12 14 2Q0 12-14 4Z", p.shade(SPRING_ONION, 0.3, 0.3))
    return p


def jeyuk_deopbap() -> Picture:
    p = Picture()
    bowl(p, X, Y, R, 76)
    surface(p, X, Y, R, RICE)
    _mound(p, X, 146, 134, 70, RICE, count=40)
    grains(p, 118, 150, 46, 44, 44, RICE, seed=8)
    p.path(blob(208, 156, 98, 50, seed=3, rough=0.07, corners=13), "#8c2411", opacity=0.55)
    slices = (
        (170, 122, -20),
        (222, 112, 10),
        (276, 124, 34),
        (146, 156, 30),
        (194, 150, -10),
        (248, 146, 20),
        (300, 156, -30),
        (174, 184, 12),
        (226, 186, -16),
        (278, 182, 26),
        (212, 166, 40),
        (256, 166, -24),
    )
    names = list[str]()
    for seed in (5, 9):
        with p.symbol() as name:
            shape = blob(0, 0, 36, 17, seed=seed, rough=0.15, corners=9)
            p.path(shape, "#2a0c04", opacity=0.35, transform="translate(3 7)")
            p.path(shape, darker(PORK, 0.45), transform="translate(0 4)")
            p.path(shape, p.shade(PORK, 0.18, 0.28))
            with p.group(clip_path=p.clip(shape)):
                p.path("M-38-4Q-20-16 0-11T38-9", stroke="#f3c3a6", stroke_width=7)
                p.path("M-34 6Q-14-2 4 2T36 1M-24 13Q-8 7 10 9", stroke="#a03418", stroke_width=3, opacity=0.7)
            p.path("M-24-5q8-5 16-5M-22 1q5-3 9-3", stroke="#fff", stroke_width=2.6, opacity=0.65)
        names.append(name)
    for i, (x, y, turn) in enumerate(slices):
        p.use(names[i % 2], x - 14, y, turn)
    for x, y, turn in ((196, 128, 20), (262, 150, -30), (176, 168, 60), (238, 172, 10)):
        with p.at(x, y, turn):
            p.path("M-18 2Q0-14 18 0", stroke="#8c2411", stroke_width=9, opacity=0.5)
            p.path("M-18 0Q0-16 18-2", stroke="#f5dcb4", stroke_width=7)
            p.path("M-15-3Q0-16 13-6", stroke="#fffaf0", stroke_width=2)
    sticks(p, 228, 134, length=36, width=6, colour=CARROT, count=5, degrees=-30, seed=7, spread=16)
    onion_slivers(p, [(214, 120), (164, 146), (262, 176), (206, 188), (288, 140)], 1)
    onion_rings(p, [(190, 140), (246, 130), (234, 158), (190, 172), (280, 166)], 0.95)
    sesame(p, 222, 150, 86, 42, 34)
    steam(p, 210, 78, 58)
    return p
