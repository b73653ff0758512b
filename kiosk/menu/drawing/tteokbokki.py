"""Rice cakes in sauce, on a melamine plate."""

from kiosk.menu.drawing.colour import CHEESE, MELAMINE, darker, lighter
from kiosk.menu.drawing.crockery import TILT, arc, plate, steam
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
    rice_cakes,
    sesame,
    sticks,
)

X, Y, R = 200, 168, 178
CAKES = (
    (148, 116, -18),
    (204, 108, 12),
    (258, 116, -16),
    (98, 144, 22),
    (304, 142, 30),
    (150, 142, 14),
    (208, 138, -20),
    (256, 146, 20),
    (102, 180, -18),
    (300, 182, -24),
    (154, 176, -24),
    (206, 170, 16),
    (250, 180, -14),
    (142, 208, 16),
    (196, 208, -12),
    (250, 212, 10),
)


def _sauce(p: Picture, colour: str) -> None:
    plate(p, X, Y, R, colour=MELAMINE)
    p.path(blob(X, Y + 4, R * 0.79, R * TILT * 0.76, seed=2, rough=0.03, corners=14), darker(colour, 0.4), opacity=0.55)
    p.path(blob(X, Y + 1, R * 0.79, R * TILT * 0.76, seed=2, rough=0.03, corners=14), p.shade(colour, 0.08, 0.3))
    gloss(
        p,
        [arc(X, Y + 2, R * 0.73, R * TILT * 0.69, 196, 232), arc(X, Y + 2, R * 0.73, R * TILT * 0.69, 62, 84)],
        4,
        0.45,
    )


def tteokbokki() -> Picture:
    p = Picture()
    _sauce(p, "#b5240f")
    fish_cake(p, 128, 120, -20, 0.95, "#e3a060")
    fish_cake(p, 268, 104, 24, 0.9, "#e3a060")
    rice_cakes(p, CAKES, "#e2492b")
    fish_cake(p, 210, 140, 8, 0.9, "#e6a868")
    half_egg(p, 278, 158, -16, 0.98)
    onion_slivers(p, [(142, 164), (206, 190), (116, 150), (250, 200)], 0.95)
    onion_rings(p, [(168, 140), (196, 218), (236, 128), (140, 212)], 0.9)
    sesame(p, X, Y, 110, 52, 22)
    steam(p, 196, 74, 60)
    return p


def cheese_tteokbokki() -> Picture:
    p = Picture()
    _sauce(p, "#b5240f")
    rice_cakes(p, CAKES, "#e2492b")
    melt = (
        "M104 140C112 104 168 92 214 94C268 94 306 116 300 146C298 160 306 176 296 190C290 200 280 196 278 184"
        "C274 174 264 178 262 192C262 212 244 216 240 200C238 186 224 182 220 196C216 222 194 222 192 202"
        "C190 188 178 182 172 190C166 206 148 204 148 188C148 174 136 176 130 180C114 184 98 164 104 140Z"
    )
    p.path(melt, "#3b0d04", opacity=0.4, transform="translate(2 7)")
    p.path(melt, darker(CHEESE, 0.2), transform="translate(0 3)")
    p.path(melt, p.linear([(0, "#fff3c4", 1), (0.5, "#fcdc74", 1), (1, "#f2b840", 1)]))
    with p.group(clip_path=p.clip(melt), opacity=0.8):
        for x, y, turn in (
            (150, 124, -18),
            (214, 114, 14),
            (264, 130, -28),
            (176, 162, 28),
            (240, 160, -22),
            (128, 162, 10),
        ):
            with p.at(x, y, turn):
                p.ellipse(0, 8, 34, 9, p.fade("#d98a1c", 0.55, 0.1))
                p.ellipse(-2, -4, 30, 8, p.fade("#fffbe6", 0.95, 0.2))
    gloss(
        p,
        ["M122 132Q132 112 158 106", "M176 102Q190 99 206 100", "M288 140Q290 150 288 160", "M204 190Q203 202 204 206"],
        4,
        0.8,
    )
    flakes(p, 200, 144, 82, 36, 26)
    onion_rings(p, [(110, 206), (300, 208), (262, 222)], 0.85)
    steam(p, 200, 76, 62)
    return p


def rose_tteokbokki() -> Picture:
    p = Picture()
    _sauce(p, "#e8825c")
    rice_cakes(p, CAKES, "#f3a582", cut="#fff1e4")
    for x, y, turn in ((136, 152, -30), (262, 134, 20), (204, 196, -8)):
        with p.at(x, y, turn):
            p.ellipse(2, 6, 20, 14, "#6a2412", opacity=0.3)
            p.ellipse(0, 3, 19, 13, "#8e3222")
            p.ellipse(0, 0, 19, 13, p.dome("#d66a4a", 0.35, 0.2))
            p.path("M-9-2L8 4M-3-8L14-2", stroke="#9c3a26", stroke_width=2, opacity=0.7)
    cream = "M92 164C104 128 120 130 130 158S152 200 166 156S190 112 204 152S232 204 246 160S272 120 284 150S306 176 312 160"
    p.path(cream, stroke="#9c3f28", stroke_width=6, opacity=0.3, transform="translate(1 3)")
    p.path(cream, stroke="#fff8ea", stroke_width=5)
    with p.group():
        for x, y, turn in ((196, 134, 0), (216, 140, 70), (204, 150, 150)):
            with p.at(x, y, turn):
                leaf = "M0 0Q-14-4-16-14Q-8-12-8-22Q2-20 4-28Q10-20 18-20Q14-10 16-4Q8 2 0 0Z"
                p.path(leaf, "#3d1206", opacity=0.3, transform="translate(2 4)")
                p.path(leaf, p.shade("#4f9a3c", 0.3, 0.25))
                p.path("M0 0Q2-12 5-22", stroke="#a5d47e", stroke_width=1.5)
    flakes(p, X, Y, 116, 54, 26)
    flakes(p, X, Y, 116, 54, 18, "#a8321c", seed=17, size=2.2)
    return p


def rabokki() -> Picture:
    p = Picture()
    _sauce(p, "#b5240f")
    rice_cakes(
        p,
        (
            (148, 114, -18),
            (98, 146, 22),
            (104, 184, -18),
            (300, 190, -24),
            (150, 208, 14),
            (204, 214, -8),
            (258, 210, 10),
        ),
        "#e2492b",
    )
    fish_cake(p, 124, 160, -12, 0.9, "#e3a060")
    nest(p, 226, 150, 98, 56, width=8, colour="#f0953f", seed=6, each=4, wave=2.4)
    rice_cakes(p, ((156, 176, 24), (290, 198, -18)), "#e2492b")
    half_egg(p, 238, 142, -14, 1)
    onion_rings(p, [(186, 128), (292, 146), (204, 190), (132, 132), (268, 178)], 0.95)
    onion_slivers(p, [(146, 190), (196, 156)], 0.9)
    sesame(p, 216, 158, 96, 46, 20)
    steam(p, 204, 76, 62)
    return p


def jjajang_tteokbokki() -> Picture:
    p = Picture()
    _sauce(p, "#2c1710")
    rice_cakes(p, CAKES, "#6a3d2b", cut="#e0b893")
    fish_cake(p, 150, 150, -14, 0.85, "#a06a3e")
    half_egg(p, 268, 148, -16, 0.98)
    sticks(p, 192, 134, length=52, width=6.5, colour="#8cc152", count=10, degrees=18, seed=21, spread=13)
    for x, y in ((128, 190), (150, 198), (232, 190), (110, 158), (300, 186), (218, 206), (176, 204)):
        p.ellipse(x + 1, y + 3, 7, 6, "#0f0502", opacity=0.5)
        p.ellipse(x, y, 6.6, 6, p.dome("#86bd3e", 0.5, 0.3))
    sesame(p, X, Y, 112, 52, 24)
    gloss(p, ["M150 112q16-6 34-4", "M96 142q6-8 14-12"], 4, 0.3)
    p.path(
        arc(X, Y, 120, 60, 100, 130),
        stroke=lighter("#2c1710", 0.4),
        stroke_width=4,
        opacity=0.5,
    )
    steam(p, 196, 76, 60)
    return p
