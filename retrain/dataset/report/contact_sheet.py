"""Contact sheets: many small pictures with their boxes in one image, so that a person can check labels at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from imaging.decoding import decode
from retrain.dataset.layout import image_path
from retrain.dataset.manifest import Item

_CELL: Final = (240, 180)
_GAP: Final = 6
_MAX_COLUMNS: Final = 6
_GROUND: Final = "#1c1f26"
QUALITY: Final = 82  # of the JPEG


def write_sheet(folder: Path, items: Sequence[Item], path: Path, colours: Mapping[str, str]) -> tuple[int, int]:
    """Write one JPEG of a dataset's photos, numbered from 1, row by row. Returns its width and height in pixels.

    `colours`: of the boxes of each class.
    """
    sheet = grid([_boxed(image_path(folder, item), item, colours) for item in items], _CELL, _MAX_COLUMNS)
    sheet.save(path, "JPEG", quality=QUALITY)
    return sheet.size


def grid(pictures: Sequence[Image.Image], cell: tuple[int, int], columns: int) -> Image.Image:
    """One image of the pictures, each inside a cell of that width and height, numbered from 1, row by row."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (cell[0] + _GAP) + _GAP, rows * (cell[1] + _GAP) + _GAP), _GROUND)
    for index, picture in enumerate(pictures):
        left = _GAP + index % columns * (cell[0] + _GAP)
        top = _GAP + index // columns * (cell[1] + _GAP)
        sheet.paste(_numbered(picture, index + 1, cell), (left, top))
    return sheet


def _boxed(path: Path, item: Item, colours: Mapping[str, str]) -> Image.Image:
    picture = Image.fromarray(decode(path.read_bytes(), side=2 * _CELL[0]).image)
    small = ImageOps.contain(picture, _CELL, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(small)
    for person in item.people:
        x0, y0, x1, y1 = person.box.corners
        corners = (x0 * small.width, y0 * small.height, x1 * small.width - 1, y1 * small.height - 1)
        pen.rectangle(corners, outline=colours[person.label], width=3)
    return small


def _numbered(picture: Image.Image, number: int, size: tuple[int, int]) -> Image.Image:
    cell = Image.new("RGB", size, _GROUND)
    cell.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    pen = ImageDraw.Draw(cell)
    text, font = str(number), ImageFont.load_default(14)
    pen.rectangle((0, 0, pen.textlength(text, font) + 8, 19), fill=_GROUND)
    pen.text((4, 1), text, fill="white", font=font)
    return cell
