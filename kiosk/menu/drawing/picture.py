"""An SVG document that grows as things are drawn on it. Units are its own; y points down, angles are in degrees."""

import math
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager

from kiosk.menu.drawing.colour import darker, lighter

Point = tuple[float, float]
Stop = tuple[float, str, float]  # offset 0-1, colour, opacity


def number(value: float) -> str:
    """A coordinate with one decimal, which is 0.25 px on the largest screen, in the fewest characters."""
    text = f"{value:.1f}".removesuffix(".0").replace("-0.", "-.")
    return {"-0": "0", "": "0"}.get(text, text.removeprefix("0") if text.startswith("0.") else text)


def points(pairs: Sequence[Point]) -> str:
    return " ".join(f"{number(x)} {number(y)}" for x, y in pairs)


def smooth(corners: Sequence[Point], *, closed: bool = True) -> str:
    """Path data of a soft curve that the corners pull at (quadratic, through the middles of the edges)."""
    middles = [((a + c) / 2, (b + d) / 2) for (a, b), (c, d) in zip(corners, [*corners[1:], corners[0]], strict=True)]
    if closed:
        curves = [f"Q{points([corner, middle])}" for corner, middle in zip(corners[1:], middles[1:], strict=True)]
        return f"M{points(middles[:1])}{''.join(curves)}Q{points([corners[0], middles[0]])}Z"
    curves = [f"Q{points([corner, middle])}" for corner, middle in zip(corners[1:-2], middles[1:-2], strict=True)]
    return f"M{points(corners[:1])}{''.join(curves)}Q{points(corners[-2:])}"


def polar(x: float, y: float, rx: float, ry: float, degrees: float) -> Point:
    turn = math.radians(degrees)
    return x + rx * math.cos(turn), y + ry * math.sin(turn)


class Picture:
    """Later shapes cover earlier ones. `style` keywords are SVG attributes (`stroke_width` is `stroke-width`)."""

    def __init__(self, width: int = 400, height: int = 300) -> None:
        self._size = (width, height)
        self._definitions: dict[str, str] = {}
        self._parts: list[str] = []

    def svg(self) -> str:
        width, height = self._size
        definitions = "".join(self._definitions.values())
        body = "".join(self._parts)
        return (  # what most shapes want is written once, and inherited
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" fill="none" '
            f'stroke-linecap="round" stroke-linejoin="round">'
            f"<defs>{definitions}</defs>{body}</svg>\n"
        )

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: str, **style: str | float) -> None:
        self._add("ellipse", {"cx": x, "cy": y, "rx": rx, "ry": ry, "fill": fill, **style})

    def path(self, d: str, fill: str = "none", **style: str | float) -> None:
        """Without a fill, a path in a `use` has the fill of the `use`."""
        self._add("path", {"d": d, "fill": fill, **style})

    def rect(self, x: float, y: float, w: float, h: float, fill: str, **style: str | float) -> None:
        self._add("rect", {"x": x, "y": y, "width": w, "height": h, "fill": fill, **style})

    @contextmanager
    def group(self, **style: str | float) -> Generator[None]:
        self._parts.append(f"<g{_attributes(style)}>")
        yield
        self._parts.append("</g>")

    def at(
        self, x: float, y: float, degrees: float = 0, scale: float = 1, squeeze: float = 1
    ) -> AbstractContextManager[None]:
        """A group whose origin is at (x, y), turned clockwise, scaled, and its y squeezed (before the turn)."""
        return self.group(transform=placed(x, y, degrees, scale, squeeze))

    @contextmanager
    def symbol(self) -> Generator[str]:
        """What is drawn inside is shown by each `use` of the name."""
        outer = self._parts
        self._parts = list[str]()
        name = f"s{len(self._definitions)}"
        self._definitions[name] = ""
        yield name
        self._definitions[name] = f'<g id="{name}">{"".join(self._parts)}</g>'
        self._parts = outer

    def use(
        self,
        name: str,
        x: float = 0,
        y: float = 0,
        degrees: float = 0,
        scale: float = 1,
        squeeze: float = 1,
        **style: str | float,
    ) -> None:
        only_moved = (degrees, scale, squeeze) == (0, 1, 1)
        place = {"x": x, "y": y} if only_moved else {"transform": placed(x, y, degrees, scale, squeeze)}
        self._add("use", {"href": f"#{name}", **place, **style})

    def line(self, d: str) -> str:
        """Defines a path without paint, so that several `use`s can stroke it in layers."""
        return self._define(f"line {d}", "path", {"d": d}, "")

    def clip(self, d: str) -> str:
        shape = f'<path d="{d}"/>'
        return f"url(#{self._define(f'clip {d}', 'clipPath', {}, shape)})"

    def blur(self, deviation: float) -> str:
        inner = f'<feGaussianBlur stdDeviation="{number(deviation)}"/>'
        box = {"x": -0.5, "y": -0.5, "width": 2, "height": 2}
        return f"url(#{self._define(f'blur {deviation}', 'filter', box, inner)})"

    def linear(self, stops: Sequence[Stop], *, to: Point = (1, 1), start: Point = (0, 0)) -> str:
        ends = {"x1": start[0], "y1": start[1], "x2": to[0], "y2": to[1]}
        ends = {name: end for name, end in ends.items() if end != (name == "x2")}  # what SVG takes by itself
        return f"url(#{self._define(f'linear {stops} {ends}', 'linearGradient', ends, _stops(stops))})"

    def radial(self, stops: Sequence[Stop], *, centre: Point = (0.5, 0.5), radius: float = 0.5) -> str:
        circle = {"cx": centre[0], "cy": centre[1], "r": radius}
        circle = {name: value for name, value in circle.items() if value != 0.5}
        return f"url(#{self._define(f'radial {stops} {circle}', 'radialGradient', circle, _stops(stops))})"

    def shade(self, colour: str, light: float = 0.25, dark: float = 0.22) -> str:
        """A body's paint: lit from the upper left, in its own shadow at the lower right."""
        return self.linear([(0, lighter(colour, light), 1), (0.5, colour, 1), (1, darker(colour, dark), 1)])

    def dome(self, colour: str, light: float = 0.35, dark: float = 0.25) -> str:
        """The paint of a round thing lit from the upper left."""
        stops = [(0, lighter(colour, light), 1), (0.55, colour, 1), (1, darker(colour, dark), 1)]
        return self.radial(stops, centre=(0.36, 0.3), radius=0.75)

    def fade(self, colour: str, opacity: float, core: float = 0) -> str:
        """A soft spot: `opacity` up to the `core` (0-1), nothing at its edge."""
        return self.radial([(core, colour, opacity), ((1 + core) / 2, colour, opacity * 0.4), (1, colour, 0)])

    def _add(self, name: str, attributes: dict[str, str | float]) -> None:
        """Leaves out what a shape has by itself: no paint, the origin, no move."""
        own = {"fill": "none", "x": 0, "y": 0, "cx": 0, "cy": 0, "transform": ""}
        attributes = {key: value for key, value in attributes.items() if value != own.get(key, ...)}
        self._parts.append(f"<{name}{_attributes(attributes)}/>")

    def _define(self, key: str, name: str, attributes: dict[str, float] | dict[str, str], inner: str) -> str:
        for index, known in enumerate(self._definitions):
            if known == key:
                return f"d{index}"
        identity = f"d{len(self._definitions)}"
        self._definitions[key] = f'<{name} id="{identity}"{_attributes(dict(attributes))}>{inner}</{name}>'
        return identity


def placed(x: float, y: float, degrees: float = 0, scale: float = 1, squeeze: float = 1) -> str:
    steps = [f"translate({number(x)} {number(y)})"] if x or y else []
    if degrees:
        steps.append(f"rotate({number(degrees)})")
    if (scale, squeeze) != (1, 1):
        steps.append(f"scale({share(scale)}" + (f" {share(scale * squeeze)})" if squeeze != 1 else ")"))
    return "".join(steps)


def share(value: float) -> str:
    """An opacity or a scale, with two digits."""
    return f"{value:.2g}".replace("0.", ".") if abs(value) < 1 else f"{value:.2g}"


def whole(value: float) -> str:
    """A coordinate without decimals, for small things in great number."""
    return str(round(value))


def _attributes(attributes: dict[str, str | float]) -> str:
    texts = {
        key.replace("_", "-"): value if isinstance(value, str) else number(value) if abs(value) >= 1 else share(value)
        for key, value in attributes.items()
    }
    if "d" in texts:
        texts["d"] = texts["d"].replace(" -", "-")
    return "".join(f' {name}="{text}"' for name, text in texts.items())


def _stops(stops: Sequence[Stop]) -> str:
    return "".join(
        "<stop"
        + (f' offset="{number(round(offset * 100))}%"' if offset else "")
        + f' stop-color="{colour}"'
        + (f' stop-opacity="{share(opacity)}"/>' if opacity < 1 else "/>")
        for offset, colour, opacity in stops
    )
