"""The spoken prompts: their texts, their files, and whose file is played."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TEXTS: Final = Path(__file__).with_name("prompts.toml")
FOLDER: Final = Path(__file__).with_name("prompts")
LANGUAGES: Final = ("ko", "en")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing that the kiosk says. `chime`: a sound stands for it; the text is the caption all the same."""

    name: str
    ko: str
    en: str
    chime: bool = False

    def text(self, language: str) -> str:
        """The caption."""
        return self.ko if language == "ko" else self.en


def load(dishes: Iterable[tuple[str, str, str]] = (), file: Path = TEXTS) -> tuple[Prompt, ...]:
    """The prompts of prompts.toml, and dish-<id> for each dish given as (id, Korean name, English name)."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
    fixed = (Prompt(name, fields["ko"], fields["en"], fields.get("chime", False)) for name, fields in tables.items())
    return (*fixed, *(Prompt(f"dish-{dish}", ko, en) for dish, ko, en in dishes))


def find(language: str, name: str, folders: Sequence[Path] = (FOLDER,)) -> Path | None:
    """The file of a prompt, from the first folder that has it: the shop's own recordings stand first."""
    files = (folder / language / f"{name}.ogg" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """`<language>/<name>.ogg` → SHA-256 of the file."""
    files = sorted(folder.glob("*/*.ogg"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """manifest.json: digests of the files, and how they were made."""
    fields: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return fields
