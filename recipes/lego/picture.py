"""Answers about people → a figure of each, of bricks, in the colours of their clothes: an SVG. Pure.

The figure is our own: a round head, a body, two arms, two legs, all of rounded bricks with a row of studs below. What
is not known has the colour of paper and a dashed outline; nothing is invented. An answer that is not sure is drawn, and
has a question mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from contracts.answers_message import UNANSWERED, Choice, Subject

MOST: Final = 6  # figures; more would be too small to see
WIDE, TALL = 120, 220  # of one figure
COLOURS: Final[Mapping[str, str]] = {
    "black": "#1d1d20",
    "grey": "#8a8d91",
    "white": "#f7f7f5",
    "beige": "#dcc9a3",
    "brown": "#6f4a2d",
    "red": "#c7242c",
    "orange": "#ec7d23",
    "yellow": "#f3cf36",
    "green": "#2e8b47",
    "blue": "#2f66c4",
    "navy": "#1f2b5c",
    "purple": "#75389a",
    "pink": "#ee93b4",
}
PAPER, INK, SKIN, HAIR = "#fbf6ec", "#2b2b2b", "#d8a47f", "#5b3a21"
SKIRTS: Final = ("skirt", "dress")
SHORT: Final = ("shorts",)


def draw(subjects: Sequence[Subject]) -> str:
    """The figures side by side, in the order of the message: at most MOST. ValueError without a subject."""
    if not subjects:
        raise ValueError("there is nobody to draw")
    shown = subjects[:MOST]
    figures = "".join(
        f'<g transform="translate({number * WIDE} 0)">{_figure(each.answers)}</g>' for number, each in enumerate(shown)
    )
    wide = len(shown) * WIDE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {TALL}" width="{wide * 2}" height="{TALL * 2}" '
        f'role="img"><rect width="{wide}" height="{TALL}" fill="{PAPER}"/>{figures}</svg>\n'
    )


def _figure(answers: Mapping[str, object]) -> str:
    top, bottom = _choice(answers, "top_colour"), _choice(answers, "bottom_colour")
    of_top, of_bottom = _value(answers, "top"), _value(answers, "bottom")
    of_dress = of_top == "dress"
    lower = top if of_dress and bottom is None else bottom
    said = ", ".join(
        f"{name}: {each.value}"
        for name in ("gender", "top", "top_colour", "bottom", "bottom_colour")
        if (each := _choice(answers, name)) is not None
    )
    parts = [
        f"<title>{escape(said) or 'a person'}</title>",
        _studs(),
        _legs(lower, skirt=of_bottom in SKIRTS or of_dress, short=of_bottom in SHORT),
        _body(top, of_top),
        _head(_value(answers, "gender")),
        _doubt(top, 112),
        _doubt(lower, 172),
    ]
    return "".join(parts)


def _studs() -> str:
    studs = "".join(f'<rect x="{x}" y="205" width="14" height="5" rx="2" fill="#b9c2b0"/>' for x in (23, 43, 63, 83))
    return f'{studs}<rect x="14" y="209" width="92" height="7" rx="3" fill="#a3ad99"/>'


def _legs(colour: Choice | None, *, skirt: bool, short: bool) -> str:
    shoes = "".join(f'<rect x="{x}" y="197" width="26" height="9" rx="4" fill="{INK}"/>' for x in (32, 62))
    if skirt:
        bare = "".join(f'<rect x="{x}" y="176" width="20" height="24" fill="{SKIN}"/>' for x in (37, 63))
        return f'{bare}{shoes}<path d="M38 140H82L94 182H26Z" {_paint(colour)}/>'
    if short:
        bare = "".join(f'<rect x="{x}" y="166" width="22" height="34" fill="{SKIN}"/>' for x in (35, 63))
        legs = "".join(f'<rect x="{x}" y="146" width="27" height="26" rx="3" {_paint(colour)}/>' for x in (33, 60))
    else:
        bare = ""
        legs = "".join(f'<rect x="{x}" y="146" width="25" height="53" rx="3" {_paint(colour)}/>' for x in (34, 61))
    return f'{bare}{shoes}{legs}<rect x="34" y="138" width="52" height="14" rx="3" {_paint(colour)}/>'


def _body(colour: Choice | None, kind: str) -> str:
    bare = kind == "t_shirt"
    arms = "".join(
        f'<rect x="{x}" y="82" width="14" height="{26 if bare else 46}" rx="7" {_paint(colour)} '
        f'transform="rotate({turn} {x + 7} 84)"/>'
        for x, turn in ((22, 10), (84, -10))
    )
    below = "".join(
        f'<rect x="{x}" y="100" width="12" height="28" rx="6" fill="{SKIN}" transform="rotate({turn} {x + 6} 84)"/>'
        for x, turn in ((23, 10), (85, -10))
    )
    hands = "".join(f'<circle cx="{x}" cy="132" r="8" fill="{SKIN}" stroke="{INK}"/>' for x in (20, 100))
    down = 160 if kind in ("coat", "dress") else 140
    long = f"M46 78H74Q86 78 86 90V{down}H34V90Q34 78 46 78Z"
    closed = f'<path d="M60 80V{158 if kind == "coat" else 138}" stroke="{INK}" fill="none"/>'
    open_front = closed if kind in ("shirt", "jacket", "coat") else ""
    return f'{below if bare else ""}{arms}{hands}<path d="{long}" {_paint(colour)}/>{open_front}'


def _head(gender: str) -> str:
    hair = {
        "female": '<path d="M35 62V40A25 22 0 0 1 85 40V66H76V44H44V66H35Z"',
        "male": '<path d="M38 44V38A22 20 0 0 1 82 38V44H74L70 36H50L46 44Z"',
    }.get(gender)
    drawn = f'{hair} fill="{HAIR}"/>' if hair else ""
    eyes = "".join(f'<circle cx="{x}" cy="50" r="2.6" fill="{INK}"/>' for x in (52, 68))
    mouth = f'<path d="M51 59Q60 67 69 59" stroke="{INK}" stroke-width="2" fill="none" stroke-linecap="round"/>'
    return (
        f'<rect x="54" y="70" width="12" height="10" fill="{SKIN}"/>'
        f'<rect x="40" y="30" width="40" height="43" rx="16" fill="{SKIN}" stroke="{INK}"/>{drawn}{eyes}{mouth}'
    )


def _doubt(colour: Choice | None, y: int) -> str:
    if colour is None or colour.sure:
        return ""
    return (
        f'<circle cx="60" cy="{y}" r="10" fill="{PAPER}" stroke="{INK}"/><text x="60" y="{y + 5}" font-size="15" '
        f'font-family="sans-serif" text-anchor="middle" fill="{INK}">?</text>'
    )


def _paint(colour: Choice | None) -> str:
    if colour is None or colour.value not in COLOURS:
        return f'fill="{PAPER}" stroke="{INK}" stroke-dasharray="4 3"'
    return f'fill="{COLOURS[colour.value]}" stroke="{INK}"'


def _choice(answers: Mapping[str, object], question: str) -> Choice | None:
    answer = answers.get(question)
    return answer if isinstance(answer, Choice) and answer.value not in UNANSWERED else None


def _value(answers: Mapping[str, object], question: str) -> str:
    """A sure answer; what is not sure has no shape of its own."""
    answer = _choice(answers, question)
    return answer.value if answer is not None and answer.sure else ""
