"""The palette. Shadows are mixed towards a warm brown, lights towards a warm white: all pictures share a lamp."""

GOCHUJANG = "#c8351f"
RICE = "#fbf7ee"
SEAWEED = "#1f2a24"
YOLK = "#f6b32c"
OMELETTE = "#f7cf4f"
SPRING_ONION = "#6fae3d"
LEAF = "#3f7d34"
CARROT = "#ee8433"
RADISH = "#f8d33c"
CHEESE = "#fbd75e"
BATTER = "#e3a54a"
FISH_CAKE = "#e6bd82"
BEEF = "#6e4028"
PORK = "#cf5230"
SESAME = "#f6e3b4"
CERAMIC = "#f4ecdd"
MELAMINE = "#a8d7c0"
STEEL = "#c9cfd3"
BRASS = "#e3b64f"
WOOD = "#d9a869"
LACQUER = "#45342c"

_SHADOW = "#3b1408"
_LIGHT = "#fffaf0"


def mix(a: str, b: str, share: float) -> str:
    """`share` of b in a, by channel; colours are #rrggbb."""
    channels = [round(int(a[i : i + 2], 16) * (1 - share) + int(b[i : i + 2], 16) * share) for i in (1, 3, 5)]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def darker(colour: str, share: float) -> str:
    return mix(colour, _SHADOW, share)


def lighter(colour: str, share: float) -> str:
    return mix(colour, _LIGHT, share)
