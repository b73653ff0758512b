"""The folder of photos and label files that a command makes of portraits, as `nunchi recipe train` reads it.

`images/<kiosk>/<image>.jpg`, and for each a file `labels/<kiosk>/<image>.json` (contracts.subject_labels).
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts.names import IMAGE_SUFFIX, JSON_LABELS, Reference
from contracts.subject_labels import SubjectLabels

SPLITS: Final = ("train", "val", "test")


@dataclass(slots=True)
class LeftOut:
    """People who were passed over, by reason."""

    reasons: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return ", ".join(f"{reason} {count}" for reason, count in sorted(self.reasons.items())) or "nobody"


def options_of(prog: str, description: str | None, *, data: str, photos: str) -> argparse.ArgumentParser:
    """The options of such a command. `data`: what its folder must have; `photos`: how many it makes of a person."""
    parser = argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {data}")
    parser.add_argument("--out", type=Path, required=True, help="an empty or new folder")
    parser.add_argument("--people", type=int, default=1000, help=f"at most so many, {photos} each (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments of this process. Ends it when a number is too small, or the folder holds something already."""
    arguments = parser.parse_args()
    if arguments.people < 1 or arguments.seed < 0:
        parser.error("--people is at least 1, --seed at least 0; nothing was written")
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} is not empty, and a dataset must not mix with another; name a new folder")
    return arguments


def write_photo(folder: Path, reference: Reference, jpeg: bytes, labels: SubjectLabels) -> None:
    """A photo and its label file."""
    for path, content in (
        (folder / f"images/{reference}{IMAGE_SUFFIX}", jpeg),
        (folder / f"labels/{reference}{JSON_LABELS}", f"{labels.to_json()}\n".encode()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
