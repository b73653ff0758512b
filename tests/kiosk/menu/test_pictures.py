"""The menu's pictures and the page's scenes: safe to show, small to load, and reproducible."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kiosk.menu.drawing.__main__ import DISHES_AT, SCENES_AT
from kiosk.menu.drawing.catalogue import DISHES, SCENES

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {
    "svg",
    "defs",
    "g",
    "use",
    "path",
    "ellipse",
    "rect",
    "clipPath",
    "filter",
    "feGaussianBlur",
    "stop",
    "linearGradient",
    "radialGradient",
}
FILES = sorted([*DISHES_AT.glob("*"), *SCENES_AT.glob("*")])


def names(path: Path) -> str:
    return path.name


def parsed(path: Path) -> ET.Element:
    return ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own files


def test_each_dish_and_scene_has_its_picture_and_no_picture_is_left_over() -> None:
    """A dish without a picture would show a hole on the menu."""
    found = ({path.name for path in DISHES_AT.iterdir()}, {path.name for path in SCENES_AT.iterdir()})
    assert found == ({f"{name}.svg" for name in DISHES}, {f"{name}.svg" for name in SCENES})


@pytest.mark.parametrize("name", [*DISHES, *SCENES])
def test_a_file_is_what_its_drawing_draws(name: str) -> None:
    """`python -m kiosk.menu.drawing` writes the files again, byte for byte."""
    folder, drawings = (DISHES_AT, DISHES) if name in DISHES else (SCENES_AT, SCENES)
    assert (folder / f"{name}.svg").read_text(encoding="utf-8") == drawings[name]().svg()


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_picture_has_shapes_only(path: Path) -> None:
    """No script, no text, no raster, no style sheet, no handler: nothing but shapes and paint."""
    elements = list(parsed(path).iter())
    assert {element.tag.removeprefix(SVG) for element in elements} <= DRAWN
    assert [key for element in elements for key in element.attrib if key.startswith("on") or key == "style"] == []


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_picture_refers_only_to_what_it_defines(path: Path) -> None:
    """A reference that leaves the file would be a request; one that is not defined would paint nothing."""
    text = path.read_text(encoding="utf-8")
    root = parsed(path)
    identities = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    targets = re.findall(r'url\(([^)]*)\)|href="([^"]*)"', text)
    assert len(identities) == len(set(identities))
    assert {paint or link for paint, link in targets} <= {f"#{identity}" for identity in identities}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_picture_has_the_size_that_the_page_lays_out(path: Path) -> None:
    """The page reserves 4:3 for a dish; a picture without a background shows on any paper."""
    assert parsed(path).attrib["viewBox"] == ("0 0 1080 900" if path.stem == "attract" else "0 0 400 300")


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_picture_is_small(path: Path) -> None:
    """The whole menu loads in less than 400 kB from the device's own disk."""
    assert path.stat().st_size <= (12 if path.parent == DISHES_AT else 25) * 1024
