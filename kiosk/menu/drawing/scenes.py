"""Pictures of the page's own: what eating here, taking away and paying look like."""

from kiosk.menu.drawing.colour import CARROT, GOCHUJANG, RICE, STEEL, WOOD, darker, lighter
from kiosk.menu.drawing.crockery import arc, bowl, contact_shadow, steam, surface
from kiosk.menu.drawing.picture import Picture
from kiosk.menu.drawing.pieces import blob, fried_egg, grains, heap


def here() -> Picture:
    """A bowl on a table."""
    p = Picture()
    for x in (96, 276):
        p.path(f"M{x} 214L{x - 6} 292H{x + 18}L{x + 30} 214Z", p.shade(darker(WOOD, 0.3), 0.2, 0.3))
    p.ellipse(200, 196, 188, 74, darker(WOOD, 0.38))
    p.ellipse(200, 184, 188, 74, p.shade(WOOD, 0.4, 0.15))
    p.path(
        "M40 176Q130 166 200 178T360 172M60 208Q150 220 220 208T340 212M92 150q60-8 120-2",
        stroke=darker(WOOD, 0.25),
        stroke_width=2,
        opacity=0.4,
    )
    with p.at(66, 50, 0, 0.64):
        bowl(p, 200, 142, 152, 76, colour="#86b59d", line="#f4ecdd")
        surface(p, 200, 142, 152, RICE)
        p.path(blob(200, 146, 134, 68, seed=3, rough=0.03, corners=13), p.dome(RICE, 0.5, 0.2))
        grains(p, 200, 146, 124, 60, 40, RICE, seed=4)
        shreds = heap(p, length=64, width=9, count=12, seed=5, spread=17)
        for x, y, colour, turn in (
            (124, 126, CARROT, -24),
            (200, 108, "#4f8f3f", 8),
            (276, 130, "#8a5a3a", 26),
            (128, 168, "#f3e6bd", 20),
            (268, 176, "#9ccb5c", -22),
        ):
            p.use(shreds, x, y, turn, stroke=colour)
        fried_egg(p, 200, 146, 1.05)
    steam(p, 194, 62, 48, gap=30)
    for dx, tone in ((0, STEEL), (14, STEEL)):
        p.path(f"M{308 + dx} 146L{326 + dx} 222", stroke=darker(tone, 0.45), stroke_width=6)
        p.path(f"M{307 + dx} 146L{325 + dx} 222", stroke=lighter(tone, 0.4), stroke_width=3)
    p.path("M287 172L298 226", stroke=darker(STEEL, 0.45), stroke_width=7)
    p.path("M286 172L297 226", stroke=lighter(STEEL, 0.4), stroke_width=3.4)
    p.ellipse(283, 158, 12, 18, darker(STEEL, 0.4), transform="rotate(-12 283 158)")
    p.ellipse(282, 157, 10.5, 16, p.shade(STEEL, 0.8, 0.1), transform="rotate(-12 282 157)")
    return p


def away() -> Picture:
    """A paper bag to take away."""
    p = Picture()
    paper = "#d9ae74"
    contact_shadow(p, 204, 268, 120, 26)
    for dx, tone in ((14, darker(paper, 0.45)), (0, darker(paper, 0.3))):
        p.path(
            f"M{158 + dx} {88 - dx / 2}C{158 + dx} 22 {238 + dx} 22 {238 + dx} {88 - dx / 2}",
            stroke=tone,
            stroke_width=8,
        )
    p.path("M270 70L318 88V252L278 272Z", p.linear([(0, darker(paper, 0.2), 1), (1, darker(paper, 0.42), 1)]))
    p.path("M270 70L318 88L296 180L318 252L278 272Z", darker(paper, 0.3), opacity=0.5)
    p.path("M112 88L270 70L318 88H150Z", darker(paper, 0.55))
    front = "M112 86L280 86V272H118Q112 272 112 266Z"
    p.path(front, p.linear([(0, lighter(paper, 0.35), 1), (0.6, paper, 1), (1, darker(paper, 0.12), 1)]))
    p.path("M112 104H280", stroke=darker(paper, 0.2), stroke_width=2, opacity=0.6)
    p.path("M128 96V262", stroke="#fff", stroke_width=5, opacity=0.3)
    p.path(
        "M158 88C158 30 238 30 238 88",
        stroke=darker(paper, 0.35),
        stroke_width=8,
        transform="translate(0 6)",
    )
    p.path(
        "M157 88C157 30 237 30 237 88",
        stroke=lighter(paper, 0.2),
        stroke_width=3,
        transform="translate(0 4)",
    )
    p.ellipse(197, 186, 48, 48, "#fbf1de", opacity=0.95)
    p.path("M163 184H231Q229 214 208 217H186Q165 214 163 184Z", p.shade(GOCHUJANG, 0.25, 0.2))
    p.path(
        "M167 184Q170 168 184 170Q190 158 202 163Q214 160 217 170Q228 172 228 184Z",
        "#fffdf6",
        stroke="#d9c8a8",
        stroke_width=2,
    )
    p.path(
        "M186 154q-5-7 0-12t0-12M206 152q-5-7 0-12t0-12",
        stroke=GOCHUJANG,
        stroke_width=4,
        opacity=0.75,
    )
    return p


def card() -> Picture:
    """A bank card going into a terminal."""
    p = Picture()
    contact_shadow(p, 206, 252, 130, 26)
    with p.at(204, 136, -8):
        p.path(
            "M-84-112H72Q88-112 88-96V88Q88 110 66 110H-64Q-86 110-86 88V-96Q-86-112-70-112Z",
            "#1f2a24",
            transform="translate(8 9)",
        )
        body = "M-80-112H72Q88-112 88-96V88Q88 110 66 110H-64Q-86 110-86 88V-96Q-86-112-70-112Z"
        p.path(body, p.shade("#4b5a52", 0.25, 0.25))
        p.path("M-76-106H66", stroke="#fff", stroke_width=3, opacity=0.35)
        p.rect(-66, -92, 134, 74, "#16201b", rx=8)
        p.rect(-62, -88, 126, 66, p.linear([(0, "#e9f5ea", 1), (1, "#a8d7c0", 1)]), rx=5)
        p.path("M-22-56L-6-40L24-72", stroke="#3f7d34", stroke_width=10)
        for row in range(3):
            for column in range(3):
                tone = "#f4ecdd" if (row, column) not in ((2, 0), (2, 2)) else (GOCHUJANG if column == 0 else "#6fae3d")
                x, y = -58 + column * 42, 0 + row * 26
                p.rect(x, y + 3, 34, 18, "#1b2520", rx=6)
                p.rect(x, y, 34, 18, p.shade(tone, 0.4, 0.12), rx=6)
        p.rect(-60, 84, 122, 12, "#0f1512", rx=5)
    with p.at(212, 230, -8):
        p.rect(-50, -14, 100, 66, "#2a1406", rx=8, opacity=0.2, transform="translate(5 7)")
        p.rect(-50, -14, 100, 62, p.linear([(0, "#f2b84b", 1), (0.5, "#e38b35", 1), (1, GOCHUJANG, 1)]), rx=8)
        p.path("M-50-12H50V-2H-50Z", "#5a1c0a", opacity=0.45)
        p.rect(-36, 8, 22, 17, p.shade("#f6e3b4", 0.4, 0.25), rx=4)
        p.path("M-36 16h22M-25 8v17", stroke="#a8823f", stroke_width=1.5)
        p.path(
            "M-4 14a12 12 0 0 1 0 14M4 10a18 18 0 0 1 0 22",
            stroke="#fff",
            stroke_width=3,
            opacity=0.85,
        )
    return p


def counter() -> Picture:
    """A hand gives notes over the counter."""
    p = Picture()
    skin, sleeve = "#f0be96", "#5f8f7b"
    p.path(
        "M8 214H392V236Q392 244 384 244H16Q8 244 8 236Z",
        p.linear([(0, darker(WOOD, 0.1), 1), (1, darker(WOOD, 0.4), 1)], to=(0, 1)),
    )
    p.path("M40 172H360L392 214H8Z", p.linear([(0, WOOD, 1), (1, lighter(WOOD, 0.35), 1)], to=(0.2, 1)))
    p.path("M24 244H376V290H24Z", p.linear([(0, darker(WOOD, 0.45), 1), (1, darker(WOOD, 0.25), 1)], to=(0, 1)))
    p.path("M70 190Q160 184 230 192T350 188", stroke=darker(WOOD, 0.25), stroke_width=2, opacity=0.4)
    p.ellipse(232, 196, 112, 14, p.fade("#3b1a08", 0.45, 0.2))
    p.path("M160 152Q182 156 214 158Q226 170 214 176Q180 182 150 170Z", p.shade(darker(skin, 0.12), 0.1, 0.2))
    for turn, tone in ((-15, "#f0cf6c"), (-4, "#8fc29a"), (7, "#7db58a")):
        with p.at(180, 142, turn):
            p.rect(0, -34, 152, 66, "#2a1406", rx=4, opacity=0.2, transform="translate(4 6)")
            p.rect(0, -34, 152, 66, p.shade(tone, 0.35, 0.14), rx=4)
            p.rect(7, -27, 138, 52, "none", rx=3, stroke=darker(tone, 0.3), stroke_width=1.8, opacity=0.6)
            p.ellipse(104, -1, 19, 19, lighter(tone, 0.55), stroke=darker(tone, 0.3), stroke_width=1.6)
            p.path("M104-12l4 8 8 1-6 6 2 8-8-4-8 4 2-8-6-6 8-1z", darker(tone, 0.25), opacity=0.5)
    hand = "M74 116Q104 98 136 102Q160 104 176 118Q190 132 186 148Q182 164 160 168Q124 176 84 164Z"
    p.path(hand, "#2a1406", opacity=0.22, transform="translate(4 8)")
    p.path(hand, p.shade(skin, 0.35, 0.14))
    thumb = "M118 112Q164 100 214 118Q230 126 224 136Q216 144 196 140Q168 134 150 141Q130 146 112 140Z"
    p.path(
        "M150 146Q170 138 198 145Q222 148 228 136",
        stroke="#2a1406",
        stroke_width=7,
        opacity=0.22,
    )
    p.path(thumb, p.linear([(0, skin, 0), (0.35, skin, 1), (1, lighter(skin, 0.3), 1)], to=(1, 0)))
    p.path("M206 121Q222 125 221 132Q212 135 203 130Q201 124 206 121Z", "#fbe2d0", opacity=0.9)
    p.path("M134 118Q162 108 190 114", stroke="#fff3e4", stroke_width=4, opacity=0.6)
    p.path("M150 140Q168 134 188 138", stroke=darker(skin, 0.35), stroke_width=2.4, opacity=0.6)
    arm = "M6 92Q50 88 88 102Q98 136 90 176Q46 186 6 180Q-2 136 6 92Z"
    p.path(arm, "#2a1406", opacity=0.2, transform="translate(3 7)")
    p.path(arm, p.linear([(0, lighter(sleeve, 0.3), 1), (0.5, sleeve, 1), (1, darker(sleeve, 0.35), 1)], to=(0, 1)))
    p.path(
        "M76 98Q90 136 78 179L92 177Q102 136 90 101Z",
        p.linear([(0, "#9cc4ac", 1), (1, darker(sleeve, 0.2), 1)], to=(0, 1)),
    )
    return p


def receipt() -> Picture:
    """A receipt with a check mark."""
    p = Picture()
    contact_shadow(p, 200, 268, 112, 20)
    p.rect(88, 18, 224, 34, p.linear([(0, "#5a6a61", 1), (1, "#2d3932", 1)], to=(0, 1)), rx=15)
    p.rect(104, 32, 192, 10, "#0f1512", rx=5)
    zigzag = "".join(f"l-10 {12 if i % 2 == 0 else -12}" for i in range(16))
    d = f"M120 38H280V258{zigzag}Z"
    p.path(d, "#2a1406", opacity=0.2, transform="translate(6 7)", filter=p.blur(3))
    p.path(d, p.linear([(0, "#d8ccb8", 1), (0.12, "#fffdf8", 1), (1, "#f3ebdc", 1)], to=(0.15, 1)))
    p.path(d, stroke="#d5c7ae", stroke_width=1.5)
    p.path("M140 72h70M140 92h52M140 112h62", stroke="#b9ab94", stroke_width=6)
    p.path("M244 72h16M244 92h16M244 112h16", stroke="#8d806c", stroke_width=6)
    p.path("M138 132h124", stroke="#b9ab94", stroke_width=3, stroke_dasharray="6 6")
    p.ellipse(202, 192, 46, 46, "#2a1406", opacity=0.2)
    p.ellipse(200, 188, 46, 46, p.shade("#5fa544", 0.3, 0.2))
    p.path(arc(200, 188, 40, 40, 190, 270), stroke="#fff", stroke_width=4, opacity=0.5)
    p.path(
        "M178 190L194 206L224 172",
        stroke="#2f5a22",
        stroke_width=13,
        opacity=0.4,
        transform="translate(2 4)",
    )
    p.path("M178 190L194 206L224 172", stroke="#fff", stroke_width=13)
    return p
