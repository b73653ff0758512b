"""Pieces of food that several dishes share."""

from collections.abc import Sequence

from kiosk.menu.drawing.colour import FISH_CAKE, LEAF, SESAME, SPRING_ONION, YOLK, darker, lighter, mix
from kiosk.menu.drawing.crockery import arc
from kiosk.menu.drawing.picture import Picture, Point, number, polar, smooth, whole
from kiosk.menu.drawing.scatter import Scatter


def blob(x: float, y: float, rx: float, ry: float, *, seed: int, rough: float = 0.12, corners: int = 9) -> str:
    """Path data of an irregular round shape."""
    scatter = Scatter(seed)
    around = []
    for i in range(corners):
        size = scatter.between(1 - rough, 1 + rough)
        around.append(
            polar(x, y, rx * size * 1.04, ry * size * 1.04, 360 / corners * (i + scatter.between(-0.25, 0.25)))
        )
    return smooth(around)


def tube(p: Picture, d: str, width: float, colour: str, *, shadow: float = 0.3, gloss: float = 0.75) -> None:
    """A round bar along a path, lit from above."""
    with p.group():
        p.path(d, stroke="#2a0c04", stroke_width=width, opacity=shadow, transform="translate(3 5)")
        p.path(d, stroke=darker(colour, 0.28), stroke_width=width)
        p.path(d, stroke=colour, stroke_width=width * 0.8, transform=f"translate(-.6 {number(-width * 0.07)})")
        p.path(
            d,
            stroke=lighter(colour, 0.38),
            stroke_width=width * 0.36,
            transform=f"translate(-1 {number(-width * 0.17)})",
        )
        p.path(
            d,
            stroke="#fff",
            stroke_width=width * 0.11,
            opacity=gloss,
            transform=f"translate(-1.5 {number(-width * 0.24)})",
            stroke_dasharray=f"{number(width * 1.1)} {number(width * 0.8)}",
        )


def rice_cakes(
    p: Picture, places: Sequence[tuple[float, float, float]], colour: str, *, cut: str = "#ffeadb", scale: float = 1
) -> None:
    """Cylinders of rice cake under sauce, each (x, y, degrees); the right end shows the cut."""
    with p.symbol() as name:
        p.ellipse(-25, 3.6, 8.5, 13.2, p.shade(colour, 0.3, 0.3))
        with p.group(stroke_linecap="butt"):
            tube(p, "M-25 4Q-2-5 27 0", 27, colour)
        p.ellipse(28, 0.5, 8, 12.6, p.linear([(0, mix(colour, cut, 0.95), 1), (1, mix(colour, cut, 0.55), 1)]))
    for x, y, degrees in places:
        p.use(name, x, y, degrees, scale)


def strands(p: Picture, paths: Sequence[str], width: float, colour: str, *, gloss: float = 0.55) -> None:
    """A bundle of noodles: one body, with a dark gap between neighbours."""
    d = "".join(paths)
    name = p.line(d)
    with p.group(stroke_linecap="round"):
        for paint, share, drop, opacity in (
            (darker(colour, 0.42), 1.0, 0.8, 1),
            (colour, 0.74, 0, 1),
            (lighter(colour, 0.65), 0.24, -0.17 * width, gloss),
        ):
            p.use(name, 0, drop, stroke=paint, stroke_width=width * share, opacity=opacity)


def nest(
    p: Picture,
    x: float,
    y: float,
    rx: float,
    ry: float,
    *,
    width: float,
    colour: str,
    seed: int,
    bundles: int = 11,
    each: int = 5,
    wave: float = 0,
) -> None:
    """Noodles lying in a bowl: bundles of neighbouring arcs that cross; with a wave, they are curly."""
    scatter = Scatter(seed)
    p.ellipse(x, y, rx * 0.93, ry * 0.93, darker(colour, 0.26))
    names = list[str]()
    for share in (0.62, 0.5):
        with p.symbol() as name:
            paths = []
            for j in range(each):
                r = rx * share - j * width * 1.04
                if r < width * 0.8:
                    break
                begin, end = -100 + scatter.between(-14, 14), 100 + scatter.between(-14, 14)
                if wave:
                    steps = max(5, int(r * 200 / 57 / 9))
                    corners = [
                        polar(0, 0, r + wave * (-1) ** k, r + wave * (-1) ** k, begin + (end - begin) * k / steps)
                        for k in range(steps + 1)
                    ]
                    paths.append(smooth([(round(a), round(b)) for a, b in corners], closed=False))
                else:
                    paths.append(arc(0, 0, r, r, begin, end))
            strands(p, paths, width, colour)
        names.append(name)
    with p.at(x, y, 0, 1, ry / rx):
        for i in range(bundles):
            turn = 360 / bundles * i * 3.3 + scatter.between(-15, 15)
            inner = i > bundles - 4
            a, b = polar(0, 0, rx * (0.14 if inner else 0.36), rx * (0.14 if inner else 0.36), turn)
            p.use(names[inner], a, b, turn + scatter.between(-50, 50))


def half_egg(p: Picture, x: float, y: float, degrees: float = -20, scale: float = 1, *, soft: bool = False) -> None:
    """Half a boiled egg, cut face up."""
    yolk = "#f5a623" if soft else YOLK
    with p.at(x, y, degrees, scale):
        p.ellipse(4, 8, 37, 26, "#2a0c04", opacity=0.28)
        p.ellipse(1, 5, 36, 25, "#d9c9ae")
        p.ellipse(0, 0, 36, 25, p.shade("#fdf8ec", 0.8, 0.1))
        p.ellipse(2, 1, 19.5, 15, darker(yolk, 0.16))
        p.ellipse(1.5, 0.4, 18.5, 14, p.dome(yolk, 0.4, 0.14))
        p.path(arc(0, 0, 33, 22, 190, 265), stroke="#fff", stroke_width=3, opacity=0.9)
        p.ellipse(-5, -5, 5, 2.6, "#fff", opacity=0.6, transform="rotate(-24)")


def fried_egg(p: Picture, x: float, y: float, scale: float = 1) -> None:
    with p.at(x, y, 0, scale):
        p.path(blob(4, 8, 62, 38, seed=5, rough=0.14, corners=11), "#2a0c04", opacity=0.25)
        p.path(blob(0, 2, 62, 38, seed=5, rough=0.14, corners=11), "#c98a3c")
        p.path(blob(0, 0, 60, 36, seed=5, rough=0.14, corners=11), p.shade("#fdf7e9", 0.8, 0.08))
        p.path(blob(0, -1, 52, 30, seed=5, rough=0.14, corners=11), "none", stroke="#fff", stroke_width=3, opacity=0.7)
        p.ellipse(3, 3, 25, 17, "#d99a2b", opacity=0.55)
        p.ellipse(1, -2, 24, 17, p.dome(YOLK, 0.45, 0.2))
        p.ellipse(-7, -8, 7, 3.6, "#fff", opacity=0.8, transform="rotate(-20 -7 -8)")


def fish_cake(p: Picture, x: float, y: float, degrees: float, scale: float = 1, colour: str = FISH_CAKE) -> None:
    """A triangle of flat fish cake with browned skin."""
    with p.at(x, y, degrees, scale, 0.8):
        shape = "M-38 14Q-36 21-28 21L30 19Q39 18 35 9L7-28Q0-35-7-28Z"
        p.path(shape, "#2a0c04", opacity=0.28, transform="translate(3 8)")
        p.path(shape, darker(colour, 0.32), transform="translate(0 4)")
        p.path(shape, p.shade(colour, 0.35, 0.2))
        p.path(
            "M-26 12L0-21Q3-25 8-18L26 8",
            stroke=darker(colour, 0.28),
            stroke_width=3,
            opacity=0.35,
        )
        p.path("M-30 10L-3-24", stroke="#fff", stroke_width=3, opacity=0.45)


def onion_rings(p: Picture, spots: Sequence[Point], scale: float = 1, seed: int = 3) -> None:
    """Slices of spring onion."""
    scatter = Scatter(seed)
    with p.symbol() as name:
        p.ellipse(1, 2.4, 8.4, 6, "#1c1206", opacity=0.3)
        p.ellipse(0, 0, 6.6, 4.4, "#e4f0b8", stroke=SPRING_ONION, stroke_width=3.4)
        p.path(arc(0, 0, 7.4, 5.2, 180, 290), stroke="#c5e58c", stroke_width=1.5)
    for x, y in spots:
        p.use(name, x, y, scatter.between(-50, 50), scale * scatter.between(0.75, 1.15))


def onion_slivers(p: Picture, spots: Sequence[Point], scale: float = 1, seed: int = 4) -> None:
    """Long slanted cuts of spring onion."""
    scatter = Scatter(seed)
    with p.symbol() as name:
        p.path("M-15 2Q0-10 15-2Q2 10-15 2Z", "#1c1206", opacity=0.28, transform="translate(1 3)")
        p.path("M-15 2Q0-10 15-2Q2 10-15 2Z", p.shade(SPRING_ONION, 0.3, 0.25))
        p.path("M-10 1Q0-6 11-2", stroke="#dcefae", stroke_width=2)
    for x, y in spots:
        p.use(name, x, y, scatter.between(-70, 70), scale * scatter.between(0.8, 1.1))


def sesame(p: Picture, x: float, y: float, rx: float, ry: float, count: int, *, seed: int = 11) -> None:
    scatter = Scatter(seed)
    seeds = []
    for _ in range(count):
        far = scatter.between(0.05, 1) ** 0.5
        a, b = polar(x, y, rx * far, ry * far, scatter.between(0, 360))
        seeds.append(f"M{whole(a)} {whole(b)}l{number(scatter.between(-2, 2))} {number(scatter.between(-1.2, 1.2))}")
    name = p.line("".join(seeds))
    p.use(name, 0.7, 1.2, stroke="#3a1a08", stroke_width=3.6, opacity=0.4)
    p.use(name, stroke=SESAME, stroke_width=3.2)


def flakes(
    p: Picture,
    x: float,
    y: float,
    rx: float,
    ry: float,
    count: int,
    colour: str = LEAF,
    *,
    seed: int = 13,
    size: float = 3.4,
) -> None:
    """Chopped herbs, pepper flakes, crumbs."""
    scatter = Scatter(seed)
    bits = []
    for _ in range(count):
        far = scatter.between(0.05, 1) ** 0.5
        a, b = polar(x, y, rx * far, ry * far, scatter.between(0, 360))
        c, d, e = (scatter.between(-size, size) for _ in range(3))
        bits.append(f"M{whole(a)} {whole(b)}l{number(c)} {number(d * 0.6)} {number(e)} {number(size * 0.7)}z")
    p.path("".join(bits), colour, stroke=colour, stroke_width=1.2)


def sticks(
    p: Picture,
    x: float,
    y: float,
    *,
    length: float,
    width: float,
    colour: str,
    count: int,
    degrees: float,
    seed: int,
    spread: float = 10,
) -> None:
    """A small heap of shredded vegetable or omelette, all roughly in one direction."""
    scatter = Scatter(seed)
    with p.at(x, y, degrees):
        for layer in range(2):
            bars = []
            for _ in range((count + 1) // 2):
                a, b = scatter.between(-spread, spread), scatter.between(-spread, spread) * 0.7 - layer * 3
                (c, d), (e, f) = (
                    polar(a, b, side * length / 2, side * length / 2, scatter.between(-18, 18)) for side in (-1, 1)
                )
                bars.append(
                    f"M{whole(c)} {whole(d)}Q{whole(a + scatter.between(-4, 4))} {whole(b - 4)} {whole(e)} {whole(f)}"
                )
            strands(p, bars, width, colour, gloss=0.5)


def heap(p: Picture, *, length: float, width: float, count: int, seed: int, spread: float) -> str:
    """The symbol of a heap of shreds along x, around the origin; its colour is the stroke of each `use`."""
    scatter = Scatter(seed)
    with p.symbol() as name:
        for layer in range(2):
            bars = []
            for _ in range(count // 2):
                a, b = scatter.between(-spread, spread), scatter.between(-spread, spread) * 0.7 - layer * 3
                (c, d), (e, f) = (
                    polar(a, b, side * length / 2, side * length / 2, scatter.between(-18, 18)) for side in (-1, 1)
                )
                bars.append(
                    f"M{whole(c)} {whole(d)}Q{whole(a + scatter.between(-4, 4))} {whole(b - 4)} {whole(e)} {whole(f)}"
                )
            lines = p.line("".join(bars))
            p.use(lines, 0, 0.8, stroke_width=width)
            p.use(lines, 0, 0.8, stroke_width=width, stroke="#3b1408", opacity=0.42)
            p.use(lines, stroke_width=width * 0.74)
            p.use(lines, 0, -width * 0.17, stroke_width=width * 0.24, stroke="#fffaf0", opacity=0.45)
    return name


def gloss(p: Picture, lines: Sequence[str], width: float = 4, opacity: float = 0.4) -> None:
    """Reflections of the lamp on sauce or broth."""
    p.path("".join(lines), stroke="#fff", stroke_width=width, opacity=opacity)


def grains(p: Picture, x: float, y: float, rx: float, ry: float, count: int, colour: str, *, seed: int) -> None:
    """Cooked rice on the surface of a mound: short bars in three tones."""
    scatter = Scatter(seed)
    for tone, share in ((darker(colour, 0.16), 0.4), (lighter(colour, 0.75), 0.6)):
        bars = []
        for _ in range(int(count * share)):
            far = scatter.between(0, 1) ** 0.5
            a, b = polar(x, y, rx * far, ry * far, scatter.between(0, 360))
            turn = scatter.between(0, 180)
            c, d = polar(0, 0, 5.5, 4, turn)
            bars.append(f"M{whole(a)} {whole(b)}l{whole(c)} {whole(d)}")
        p.path("".join(bars), stroke=tone, stroke_width=3.6, opacity=0.9)
