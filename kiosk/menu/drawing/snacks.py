"""Fried and steamed snacks."""

from kiosk.menu.drawing.colour import BATTER, MELAMINE, SEAWEED, WOOD, darker, lighter
from kiosk.menu.drawing.crockery import arc, bowl, plate, sauce_dish, steam, steamer, surface
from kiosk.menu.drawing.picture import Picture, number, polar
from kiosk.menu.drawing.pieces import blob, flakes, gloss, onion_rings, sesame
from kiosk.menu.drawing.scatter import Scatter

SOY = "#4a2413"


def _batter(p: Picture, rx: float, ry: float, seed: int, colour: str = BATTER) -> None:
    """A crisp coat, at the origin."""
    shape = blob(0, 0, rx, ry, seed=seed, rough=0.1, corners=15)
    p.path(shape, "#2a1406", opacity=0.28, transform="translate(4 8)")
    p.path(shape, darker(colour, 0.4), transform="translate(0 5)")
    p.path(shape, p.shade(colour, 0.4, 0.3))
    flakes(p, 0, 0, rx * 0.9, ry * 0.85, 14, lighter(colour, 0.55), seed=seed, size=3.4)
    flakes(p, 0, ry * 0.2, rx * 0.9, ry * 0.75, 9, darker(colour, 0.3), seed=seed + 1, size=2.6)


def _sweet_potato(p: Picture) -> None:
    _batter(p, 46, 32, 5)
    p.path(blob(0, -1, 34, 22, seed=8, rough=0.06), p.dome("#f9d772", 0.5, 0.15), opacity=0.9)
    p.path(blob(0, -1, 34, 22, seed=8, rough=0.06), stroke="#8e3a5c", stroke_width=2.2, opacity=0.55)
    p.path(
        "M-20-4q10-8 22-8M-14 8q12 4 26-2M4-2q8 0 14-4",
        stroke="#e0a53a",
        stroke_width=2,
        opacity=0.7,
    )


def _shrimp(p: Picture) -> None:
    p.path("M52 0Q66-22 82-18Q78-6 68 0Q80 6 82 18Q64 18 52 4Z", p.shade("#e8553a", 0.3, 0.3))
    p.path("M58-2Q68-12 76-13M58 2Q68 8 75 13", stroke="#ffb59d", stroke_width=2)
    _batter(p, 58, 17, 9, "#e8ae55")


def _pepper(p: Picture) -> None:
    p.path("M50-3Q66-6 76-16", stroke="#5c8a2e", stroke_width=6)
    _batter(p, 54, 17, 12, "#d9a548")
    p.path(
        "M-34-3Q-10-13 14-7M22-6Q34-5 42 0M-40 4q10 5 24 5",
        stroke="#5f9a35",
        stroke_width=7,
        opacity=0.8,
    )
    p.path("M-30-5Q-10-13 10-9", stroke="#b5db7e", stroke_width=2, opacity=0.9)


def twigim() -> Picture:
    p = Picture()
    plate(p, 200, 172, 180, colour=MELAMINE)
    symbols = []
    for draw in (_sweet_potato, _shrimp, _pepper):
        with p.symbol() as name:
            draw(p)
        symbols.append(name)
    potato, shrimp, pepper = symbols
    for name, x, y, turn in (
        (potato, 116, 134, -14),
        (potato, 178, 112, 8),
        (shrimp, 234, 118, -18),
        (pepper, 250, 150, -8),
        (shrimp, 212, 160, -26),
        (potato, 110, 176, 10),
        (pepper, 196, 190, 6),
        (potato, 160, 162, -6),
        (shrimp, 152, 206, -6),
    ):
        p.use(name, x, y, turn)
    sauce_dish(p, 302, 202, 44, SOY)
    onion_rings(p, [(296, 202), (312, 206), (304, 196)], 0.6)
    return p


def kimari() -> Picture:
    p = Picture()
    plate(p, 200, 172, 180, colour=MELAMINE)
    scatter = Scatter(6)
    with p.symbol() as name:
        d = "M-56 0H48"
        with p.group():
            p.path(d, stroke="#2a1406", stroke_width=48, opacity=0.26, transform="translate(5 10)")
            for paint, width, dy in (
                (darker(BATTER, 0.42), 48, 0),
                ("#cf9440", 41, -2.5),
                (BATTER, 27, -7),
                ("#f4cb80", 10, -13),
            ):
                p.path(d, stroke=paint, stroke_width=width, transform=f"translate(0 {dy})")
        p.path("M-54 2Q-10 10 40 4", stroke=SEAWEED, stroke_width=15, opacity=0.22)
        flakes(p, -6, -3, 60, 19, 26, "#fbe3ac", seed=4, size=3.6)
        flakes(p, -6, 6, 60, 16, 16, "#94571c", seed=9, size=2.8)
        p.ellipse(54, 0, 19, 24.5, p.shade("#d09a48", 0.4, 0.3))
        p.ellipse(54.5, 0, 15.5, 20.5, SEAWEED)
        p.ellipse(55, 0, 12.8, 17.6, p.shade("#b9a07c", 0.3, 0.25))
        for tone in ("#8f7550", "#efe2c8"):
            strands = []
            for _ in range(9):
                x, y = polar(55, 0, scatter.between(1, 9), scatter.between(1, 13), scatter.between(0, 360))
                strands.append(
                    f"M{number(x)} {number(y)}q3 {scatter.between(-4, 4):.0f} {scatter.between(-3, 4):.0f} 4"
                )
            p.path("".join(strands), stroke=tone, stroke_width=2)
        p.path("M52-8l3 2M57 6l3-3", stroke="#ee8433", stroke_width=3)
    for x, y, turn in ((134, 122, -12), (250, 122, -14), (122, 170, -6), (240, 170, -10), (148, 214, -4)):
        p.use(name, x, y, turn)
    sauce_dish(p, 296, 212, 42, SOY)
    sesame(p, 298, 212, 18, 7, 6)
    return p


def sundae() -> Picture:
    p = Picture()
    plate(p, 200, 172, 180, colour=MELAMINE)
    scatter = Scatter(9)
    with p.symbol() as liver:
        shape = "M-40 6Q-36-18 0-20T42 0Q40 16 8 18T-40 6Z"
        p.path(shape, "#2a1406", opacity=0.28, transform="translate(4 8)")
        p.path(shape, "#4d3229", transform="translate(0 5)")
        p.path(shape, p.shade("#8f6a58", 0.3, 0.25))
        p.path("M-26 2q10-8 24-8M4 6q10-2 18-8", stroke="#5d4035", stroke_width=2, opacity=0.5)
    with p.symbol() as name:
        p.ellipse(5, 14, 40, 29, "#1c0d06", opacity=0.3)
        p.ellipse(0, 13, 38, 27, "#1f1210")
        p.path(
            "M-38 0V13A38 27 0 0 0 38 13V0Z",
            p.linear([(0, "#2c1916", 1), (0.3, "#6f4b42", 1), (0.6, "#38211c", 1), (1, "#180d0b", 1)], to=(1, 0)),
        )
        p.ellipse(0, 0, 38, 27, p.shade("#5b3931", 0.3, 0.3))
        p.ellipse(0, 0, 34.5, 24, p.dome("#3f2722", 0.14, 0.3))
        for tone, width, count in (("#7b564a", 4, 22), ("#cdb7a2", 3.2, 20), ("#f2e6d5", 2.2, 9)):
            strands = []
            for _ in range(count):
                far = scatter.between(0, 0.86) ** 0.6
                x, y = polar(0, 0, 33 * far, 23 * far, scatter.between(0, 360))
                strands.append(
                    f"M{number(x)} {number(y)}q{scatter.between(-4, 4):.0f} 2 {scatter.between(-6, 6):.0f} {scatter.between(-3, 3):.0f}"
                )
            p.path("".join(strands), stroke=tone, stroke_width=width, opacity=0.9)
        flakes(p, 0, 0, 26, 17, 5, "#7fae4a", seed=4, size=2.6)
        p.path(arc(0, 0, 36, 25, 190, 270), stroke="#d9b8a6", stroke_width=2.4, opacity=0.7)
    for x, y, turn in ((278, 112, 6), (312, 136, 30)):
        p.use(liver, x, y, turn)
    for x, y, turn in (
        (128, 108, -8),
        (200, 104, 4),
        (92, 144, -4),
        (160, 140, 6),
        (232, 138, -6),
        (124, 180, 4),
        (194, 178, -4),
        (160, 214, 2),
    ):
        p.use(name, x, y, turn)
    sauce_dish(p, 284, 192, 47, "#f1e3d2")
    p.path(blob(283, 190, 31, 15, seed=4, rough=0.07), p.dome("#f7e6d6", 0.8, 0.15))
    flakes(p, 283, 189, 26, 12, 26, "#c8552f", seed=4, size=1.6)
    flakes(p, 283, 189, 26, 12, 12, "#4b3a30", seed=9, size=1.3)
    return p


def eomuk() -> Picture:
    p = Picture()
    bowl(p, 200, 158, 146, 66)
    clip = surface(p, 200, 158, 146, "#e6cb92")
    with p.group(clip_path=clip):
        for x, y, r in ((98, 160, 8), (300, 176, 9), (282, 200, 6), (120, 192, 7)):
            p.ellipse(x, y, r, r * 0.5, "#f0cc88", opacity=0.7)
        for x, y in ((112, 178), (290, 190)):
            p.ellipse(x, y + 5, 31, 17, "#9c6a2a", opacity=0.5)
            p.ellipse(x, y, 30, 16, p.shade("#f6e6bf", 0.5, 0.2))
            p.ellipse(x, y, 22, 11, "none", stroke="#dcc288", stroke_width=2)
    with p.symbol() as name:
        _skewer(p)
    for x, y, turn in ((148, 148, -12), (206, 140, 0), (262, 150, 13)):
        p.use(name, x, y, turn)
    with p.group(clip_path=clip):
        p.path(
            "M60 204Q130 190 200 196T340 200V260H60Z", p.linear([(0, "#ead19c", 0.75), (1, "#d9b26a", 0.9)], to=(0, 1))
        )
        p.path("M96 203q24-5 46-5M232 199q24 0 46 4", stroke="#fff", stroke_width=3, opacity=0.6)
    onion_rings(p, [(152, 212), (176, 218), (226, 214), (248, 220), (118, 206), (204, 208)], 1.05)
    gloss(p, [arc(200, 166, 126, 64, 190, 206)], 4, 0.6)
    steam(p, 200, 62, 46, gap=70)
    return p


def _skewer(p: Picture) -> None:
    """A sheet of fish cake folded in waves on a wooden stick, standing in broth."""
    p.path("M0 60V-112", stroke=darker(WOOD, 0.35), stroke_width=7.5)
    p.path("M-1 60V-112", stroke=lighter(WOOD, 0.3), stroke_width=4)
    with p.symbol() as name:
        shape = "M-27-2Q-33-18-15-19L20-16Q34-13 32 3Q30 17 16 15L-16 11Q-25 9-27-2Z"
        p.path(shape, "#2a1406", opacity=0.25, transform="translate(2 6)")
        p.path(shape, darker("#e2a45a", 0.42), transform="translate(0 3)")
        p.path(shape, p.shade("#e8b069", 0.5, 0.25))
        p.path("M-18-11L18-8", stroke="#fff4d8", stroke_width=3.5, opacity=0.7)
        p.path("M-16 2Q0 0 8 4T24 5", stroke="#b8752f", stroke_width=4, opacity=0.35)
    for i in range(5):
        with p.group(transform=f"translate(0 {46 - 26 * i})" + ("scale(-1 1)" if i % 2 else "")):
            p.use(name)
    p.path("M0-72v-8", stroke=lighter(WOOD, 0.3), stroke_width=5)


def gun_mandu() -> Picture:
    p = Picture()
    plate(p, 200, 172, 182)
    with p.symbol() as name:
        shape = "M-56 16C-58-16-28-36 2-36S58-14 56 14C50 26 24 24 0 25S-50 28-56 16Z"
        p.path(shape, "#2a1406", opacity=0.28, transform="translate(5 9)")
        p.path(shape, "#a7672a", transform="translate(0 5)")
        p.path(shape, p.linear([(0, "#fbe6b4", 1), (0.45, "#efbf6c", 1), (1, "#c27b2f", 1)], to=(0.5, 1)))
        p.path(
            "M-48 15C-40-2-16-10 4-10S42-2 50 14C36 21 16 19 0 20S-38 22-48 15Z",
            p.linear([(0, "#d08a3a", 0.2), (1, "#a05a1c", 0.85)], to=(0, 1)),
        )
        for i in range(-3, 4):
            p.path(
                f"M{i * 12} {-33 + i * i * 2.4:.0f}q{i * 2 + 3} 8 {i * 2} 15",
                stroke="#b97732",
                stroke_width=2.6,
                opacity=0.75,
            )
            p.path(
                f"M{i * 12 - 4} {-31 + i * i * 2.4:.0f}q{i * 2 + 2} 6 {i * 2} 12",
                stroke="#fff6da",
                stroke_width=2.6,
                opacity=0.7,
            )
        flakes(p, 0, 8, 40, 9, 12, "#8c4a16", seed=4, size=3)
        p.path("M-36-8Q-22-20-4-21", stroke="#fff", stroke_width=4, opacity=0.6)
    for x, y, turn in ((138, 112, -8), (242, 108, 6), (104, 164, -6), (204, 158, 0), (158, 212, 2)):
        p.use(name, x, y, turn)
    sauce_dish(p, 290, 188, 48, SOY)
    flakes(p, 290, 188, 26, 10, 8, "#d9452b", seed=3, size=2)
    onion_rings(p, [(280, 186), (300, 192)], 0.6)
    return p


def jjin_mandu() -> Picture:
    p = Picture()
    steamer(p, 200, 152, 158, 42)
    with p.symbol() as name:
        shape = "M-42 8C-44-16-24-32 0-33S44-16 42 8C38 26 20 30 0 30S-38 26-42 8Z"
        p.path(shape, "#3b2008", opacity=0.3, transform="translate(4 7)")
        p.path(
            shape,
            p.radial([(0, "#fffdf7", 1), (0.55, "#f8efdf", 1), (1, "#d8c3a4", 1)], centre=(0.36, 0.28), radius=0.8),
        )
        for i in range(10):
            (a, b), (c, d) = polar(0, -14, 6, 4, i * 36), polar(0, -8, 30, 20, i * 36 + 26)
            mid = polar(0, -12, 20, 13, i * 36)
            line = f"M{number(a)} {number(b)}Q{number(mid[0])} {number(mid[1])} {number(c)} {number(d)}"
            p.path(line, stroke="#c9b190", stroke_width=2.2, opacity=0.8)
        p.ellipse(0, -14, 9, 6, p.dome("#f3e6d0", 0.6, 0.25))
        p.path("M-4-14q4-4 8 0t-6 3", stroke="#c2a982", stroke_width=1.8)
        p.ellipse(-20, -8, 8, 5, "#fff", opacity=0.8, transform="rotate(-40 -20 -8)")
    for x, y, scale in (
        (150, 112, 0.92),
        (234, 109, 0.92),
        (102, 154, 0.98),
        (186, 153, 1),
        (274, 150, 0.98),
        (148, 194, 1),
        (236, 193, 1),
    ):
        p.use(name, x, y, 0, scale)
    steam(p, 196, 74, 60, count=4, gap=44)
    return p
