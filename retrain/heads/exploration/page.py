"""The page of a recipe's data, for people: one file, with counts, findings, and contact sheets.

It shows photos of people, so its folder is private, as that of a dataset's page is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.instants import to_text
from contracts.private_folder import GITIGNORE, make_private
from retrain.dataset import report
from retrain.dataset.layout import INDEX, is_litter, room_for
from retrain.errors import InvalidDataset
from retrain.heads.dataset import GOLDEN, TRAIN
from retrain.heads.exploration.exploration import Exploration
from retrain.heads.exploration.findings import Level
from retrain.heads.exploration.sheets import Group

_MOST_LISTED: Final = 200  # photos that are left out, by reason


def prepare(folder: Path) -> Path:
    """The page's path, in a new folder or one that holds such a page only; InvalidDataset otherwise."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InvalidDataset(f"{folder} is not a folder; no page was written. Name a new one")
    others = sorted(
        path.name
        for path in (folder.iterdir() if folder.exists() else ())
        if path.name not in (INDEX, GITIGNORE) and not is_litter(path)
    )
    if others:
        raise InvalidDataset(
            f"{folder} holds {', '.join(others[:3])}, which is no page of a recipe's data; nothing was changed. Name a "
            "new folder"
        )
    with room_for(folder):
        make_private(folder)
    return folder / INDEX


def write_page(path: Path, exploration: Exploration, sheets: Sequence[Group], *, where: str, at: datetime) -> None:
    """Write the page. `where`: whose data it is, for people."""
    folders = (Path(__file__).parent, *map(Path, report.__path__))
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    left_out = [
        (why, number, [each for each in exploration.left_out if each.why == why][:_MOST_LISTED])
        for why, number in exploration.reasons.items()
    ]
    page = environment.get_template("exploration.html").render(
        data=exploration,
        where=where,
        at=to_text(at)[:16].replace("T", " "),
        train=TRAIN,
        golden=GOLDEN,
        has_golden=exploration.photos[GOLDEN] > 0,
        stopping=[finding for finding in exploration.findings if finding.level is Level.STOPS],
        warning=[finding for finding in exploration.findings if finding.level is Level.WARNS],
        left_out=left_out,
        groups=sheets,
        weeks=sorted({week for counts in exploration.weeks.values() for week in counts}),
    )
    with room_for(path.parent):
        path.write_text(page, encoding="utf-8")
