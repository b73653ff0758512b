"""Writes every picture again: `python -m kiosk.menu.drawing`."""

from pathlib import Path

from kiosk.menu.drawing.catalogue import DISHES, SCENES

ROOT = Path(__file__).parents[2]
DISHES_AT = ROOT / "menu" / "pictures"
SCENES_AT = ROOT / "screen" / "page" / "pictures"


def write() -> None:
    for folder, drawings in ((DISHES_AT, DISHES), (SCENES_AT, SCENES)):
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in drawings.items():
            (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    write()
