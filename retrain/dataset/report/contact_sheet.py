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


def write_sheet(folder: Path, items: Sequence[Item], path: Path, colours: Mapping[str, str]) -> tuple[int, int]:
    """Write one JPEG of a dataset's photos, numbered from 1, row by row. Returns its width and height in pixels.

    `colours`: of the boxes of each class.
    """
    columns = min(_MAX_COLUMNS, len(items))
    rows = -(-len(items) // columns)
    width, height = columns * (_CELL[0] + _GAP) + _GAP, rows * (_CELL[1] + _GAP) + _GAP
    sheet = Image.new("RGB", (width, height), _GROUND)
    for index, item in enumerate(items):
        left = _GAP + index % columns * (_CELL[0] + _GAP)
        top = _GAP + index // columns * (_CELL[1] + _GAP)
        sheet.paste(_cell(image_path(folder, item), item, index + 1, colours), (left, top))
    sheet.save(path, "JPEG", quality=82)
    return width, height


def _cell(path: Path, item: Item, number: int, colours: Mapping[str, str]) -> Image.Image:
    picture = Image.fromarray(decode(path.read_bytes(), side=2 * _CELL[0]).image)
    small = ImageOps.contain(picture, _CELL, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(small)
    for person in item.people:
        x0, y0, x1, y1 = person.box.corners
        corners = (x0 * small.width, y0 * small.height, x1 * small.width - 1, y1 * small.height - 1)
        pen.rectangle(corners, outline=colours[person.label], width=3)
    cell = Image.new("RGB", _CELL, _GROUND)
    cell.paste(small, ((_CELL[0] - small.width) // 2, (_CELL[1] - small.height) // 2))
    pen = ImageDraw.Draw(cell)
    text, font = str(number), ImageFont.load_default(14)
    pen.rectangle((0, 0, pen.textlength(text, font) + 8, 19), fill=_GROUND)
    pen.text((4, 1), text, fill="white", font=font)
    return cell
