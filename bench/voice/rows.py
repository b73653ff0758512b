"""The list of clips, as it goes from one Python environment to another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clip:
    """One listening. `group`: the row of the table; `words`: what should be heard, () for nothing."""

    group: str
    file: str
    expect: tuple[str, ...]
    words: tuple[str, ...]
    text: str


def read(folder: Path) -> list[Clip]:
    """The clips of a folder."""
    rows = json.loads((folder / "clips.json").read_text())
    return [Clip(row["group"], row["file"], tuple(row["expect"]), tuple(row["words"]), row["text"]) for row in rows]
