"""The attract screen's picture: a snack bar's counter under its awning."""

from kiosk.menu.drawing.colour import CERAMIC, GOCHUJANG, SPRING_ONION, STEEL, WOOD, darker, lighter
from kiosk.menu.drawing.crockery import bowl, steam, surface
from kiosk.menu.drawing.gimbap import ham, roll
from kiosk.menu.drawing.picture import Picture, number
from kiosk.menu.drawing.pieces import fish_cake, half_egg, onion_rings, onion_slivers, rice_cakes, sesame
from kiosk.menu.drawing.scatter import Scatter

CREAM = "#fbf1de"


def attract() -> Picture:
    p = Picture(1080, 900)
    p.ellipse(540, 868, 520, 30, p.fade("#5a3518", 0.4, 0.5))
    _stall(p)
    _counter(p)
    _pan(p)
    with p.at(664, 492, 0, 0.94):
        roll(p, ham)
    with p.at(480, 566, 0, 0.44):
        bowl(p, 200, 142, 152, 80)
        surface(p, 200, 142, 152, "#d8a65a")
        p.path("M130 150q20-16 60-14M220 182q30 2 50-12", stroke="#fff1d0", stroke_width=8, opacity=0.7)
        p.path("M150 172h.1M196 148h.1M246 160h.1M214 186h.1M276 140h.1", stroke=SPRING_ONION, stroke_width=18)
    steam(p, 300, 520, 150, count=4, gap=74, colour="#fffaf0", opacity=0.75)
    steam(p, 568, 600, 70, count=2, gap=40, colour="#fffaf0", opacity=0.75)
    _awning(p)
    return p


def _stall(p: Picture) -> None:
    p.rect(96, 150, 888, 440, p.linear([(0, "#e9bd80", 1), (0.55, "#f8e0b0", 1), (1, "#f1cf98", 1)], to=(0, 1)))
    boards = "".join(f"M96 {y}h888" for y in range(206, 590, 54))
    p.path(boards, stroke="#c98f4e", stroke_width=2, opacity=0.35)
    p.path("M150 414H930", stroke=darker(WOOD, 0.4), stroke_width=18)
    p.path("M150 409H930", stroke=lighter(WOOD, 0.15), stroke_width=9)
    with p.symbol() as stacked:
        p.path(
            "M-40-12Q-34 10-16 11H16Q34 10 40-12Z",
            p.linear([(0, darker(CERAMIC, 0.1), 1), (0.3, "#fffaf0", 1), (1, darker(CERAMIC, 0.3), 1)], to=(1, 0)),
        )
        p.path("M-38-5Q0 0 38-5", stroke="#7fb39b", stroke_width=3, opacity=0.7)
    for x, count in ((224, 4), (318, 3), (842, 4)):
        for i in range(count):
            p.use(stacked, x, 392 - i * 13)
    for x, colour in ((730, "#a8321c"), (764, "#4b6b4f"), (694, "#8a4b1f")):
        p.path(
            f"M{x - 13} 403V362Q{x - 13} 350 {x - 6} 346V330H{x + 6}V346Q{x + 13} 350 {x + 13} 362V403Z",
            p.shade(colour, 0.35, 0.3),
        )
        p.rect(x - 7, 322, 14, 11, darker(colour, 0.4), rx=3)
        p.rect(x - 9, 368, 18, 22, "#fbf1de", opacity=0.9, rx=2)
    with p.symbol() as lamp:
        p.path("M0 150V268", stroke="#5a3a22", stroke_width=4)
        p.ellipse(0, 330, 150, 110, p.fade("#fff4c8", 0.85, 0.05))
        p.path(
            "M-44 308Q-40 264 0 262Q40 264 44 308Z",
            p.linear([(0, "#5f7f6c", 1), (0.3, "#9cc4ac", 1), (1, "#41604f", 1)], to=(1, 0)),
        )
        p.ellipse(0, 308, 44, 10, "#fff3c2")
        p.ellipse(0, 311, 17, 9, "#fffdf0")
    for x in (380, 540, 700):
        p.use(lamp, x)
    for x in (96, 952):
        p.rect(
            x,
            150,
            32,
            600,
            p.linear([(0, darker(WOOD, 0.25), 1), (0.35, lighter(WOOD, 0.2), 1), (1, darker(WOOD, 0.5), 1)], to=(1, 0)),
        )
    p.rect(96, 190, 888, 90, p.linear([(0, "#5a2c10", 0.45), (1, "#5a2c10", 0)], to=(0, 1)))


def _counter(p: Picture) -> None:
    top = "M86 560H994L1046 748H34Z"
    p.path(
        "M48 760H1032V858Q1032 868 1020 868H60Q48 868 48 858Z",
        p.linear([(0, darker(WOOD, 0.48), 1), (0.3, darker(WOOD, 0.2), 1), (1, darker(WOOD, 0.42), 1)], to=(0, 1)),
    )
    p.path(
        "".join(f"M{x} 772V866" for x in range(128, 1000, 92)), stroke=darker(WOOD, 0.6), stroke_width=3, opacity=0.6
    )
    p.path(
        "".join(f"M{x + 3} 774V866" for x in range(128, 1000, 92)),
        stroke=lighter(WOOD, 0.3),
        stroke_width=1.6,
        opacity=0.5,
    )
    p.path(
        top,
        p.linear([(0, darker(WOOD, 0.12), 1), (0.5, lighter(WOOD, 0.12), 1), (1, lighter(WOOD, 0.34), 1)], to=(0.3, 1)),
    )
    p.path(
        "M34 748H1046V764Q1046 772 1036 772H44Q34 772 34 764Z",
        p.linear([(0, lighter(WOOD, 0.3), 1), (1, darker(WOOD, 0.35), 1)], to=(0, 1)),
    )
    grain = "M110 596Q360 586 560 598T980 590M80 650Q300 662 520 648T1010 656M62 704Q330 694 600 708T1030 700"
    p.path(grain, stroke=darker(WOOD, 0.3), stroke_width=2.4, opacity=0.35)
    p.path("M88 562H992", stroke="#fff6dc", stroke_width=3, opacity=0.5)


def _pan(p: Picture) -> None:
    """The wide steel pan that keeps rice cakes hot."""
    p.path("M96 716L150 560H520L520 726Z", "#3b1a08", opacity=0.3, filter=p.blur(9), transform="translate(6 14)")
    side = "M96 664V694Q96 716 120 716H494Q518 716 516 694V664Z"
    steel = [(0, "#828b91", 1), (0.2, "#eef2f3", 1), (0.45, "#a5aeb3", 1), (0.7, "#dfe5e8", 1), (1, "#7b848a", 1)]
    p.path(side, p.linear(steel, to=(1, 0.1)))
    p.path(
        "M140 528H478Q492 528 495 542L518 652Q521 674 500 674H112Q90 674 95 652L122 542Q126 528 140 528Z",
        p.shade(STEEL, 0.7, 0.2),
    )
    inner = "M148 540H470Q480 540 483 550L503 644Q506 660 490 660H122Q106 660 110 644L136 550Q139 540 148 540Z"
    p.path(inner, p.linear([(0, "#7d1607", 1), (0.4, "#b5240f", 1), (1, GOCHUJANG, 1)], to=(0, 1)))
    scatter = Scatter(12)
    places = [
        (
            round(166 + column * 58 - row * 5 + row % 2 * 22 + scatter.between(-6, 6)),
            round(556 + row * 23 + scatter.between(-3, 3)),
            round(scatter.between(-26, 26)),
        )
        for row in range(5)
        for column in range(6)
    ]
    with p.group(clip_path=p.clip(inner)):
        rice_cakes(p, places, "#e2492b", scale=0.92)
    with p.symbol() as cake:
        fish_cake(p, 0, 0, 0, 0.95, "#e6a868")
    for x, y, turn in ((196, 566, -14), (404, 570, 20), (300, 600, 6), (180, 628, -20), (440, 634, 10)):
        p.use(cake, x, y, turn)
    with p.symbol() as egg:
        half_egg(p, 0, 0, -16, 0.82)
    for x, y in ((258, 572), (356, 634), (232, 636), (448, 592)):
        p.use(egg, x, y)
    onion_slivers(p, [(222, 598), (340, 566), (386, 604), (296, 640), (150, 596), (412, 648), (264, 612)], 0.9)
    onion_rings(p, [(176, 594), (320, 620), (372, 588), (282, 554), (404, 620), (206, 650), (140, 640)], 0.9)
    sesame(p, 306, 602, 160, 46, 10)
    p.path("M126 536Q130 531 140 531H360", stroke="#fff", stroke_width=3, opacity=0.9)
    ladle = "M410 590L560 470"
    p.path(ladle, stroke=darker(WOOD, 0.4), stroke_width=17)
    p.path(ladle, stroke=WOOD, stroke_width=13)
    p.path("M410 586L556 468", stroke=lighter(WOOD, 0.45), stroke_width=4, opacity=0.8)


def _awning(p: Picture) -> None:
    """A roof of cloth with a valance of separate panels, as a noren hangs."""
    stripes, left, right = 10, 30, 1050
    wide, high = (right - left) / stripes, (right - left - 120) / stripes
    n = number
    for i in range(stripes):
        a, b, c = left + i * wide, left + 60 + i * high, GOCHUJANG if i % 2 == 0 else CREAM
        p.path(
            f"M{n(b)} 40H{n(b + high + 0.6)}L{n(a + wide + 0.6)} 150H{n(a)}Z",
            p.linear([(0, darker(c, 0.1), 1), (0.5, lighter(c, 0.12), 1), (1, c, 1)], to=(0, 1)),
        )
    p.path("M90 40H990L994 50H86Z", "#fff", opacity=0.35)
    p.path("M30 150H1050V166H30Z", "#3b1408", opacity=0.25)
    panels = []
    for c in (GOCHUJANG, CREAM):
        with p.symbol() as panel:
            d = "M1 0H101Q105 42 98 78Q72 88 51 82T4 80Q6 42 1 0Z"
            p.path(d, "#3b1408", opacity=0.25, transform="translate(5 9)")
            p.path(
                d,
                p.linear(
                    [
                        (0, darker(c, 0.16), 1),
                        (0.3, lighter(c, 0.1), 1),
                        (0.55, darker(c, 0.06), 1),
                        (0.8, lighter(c, 0.08), 1),
                        (1, darker(c, 0.16), 1),
                    ],
                    to=(1, 0.1),
                ),
            )
        panels.append(panel)
    for i in range(stripes):
        p.use(panels[i % 2], left + i * wide, 148)
    p.path("M28 150H1052", stroke=darker(WOOD, 0.35), stroke_width=11)
    p.path("M28 148H1052", stroke=lighter(WOOD, 0.2), stroke_width=5)
