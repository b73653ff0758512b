"""`nunchi flywheel`: two trainings and a rollback in a local cloud, with drawn people."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from contracts.instants import now
from contracts.weights import new_run_id
from local.environment import trainer_python
from local.errors import CloudError
from ops import supervise
from ops.display import err, out
from recipes.reading import KIOSK, load
from retrain.settings import TRAINER_VARIABLE

# demo.flywheel imports numpy and Pillow: the command imports it when it runs, so that its help starts fast.

KEPT: Final = Path("out", "flywheel")  # a folder for each run, named by its time


def flywheel(
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=f"Folder for the reports, datasets' pages and runs. Default: a new one in {KEPT}/.",
            metavar="FOLDER",
        ),
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=32, help="Labelled, drawn pictures for the first training.", metavar="N")
    ] = 320,
    customers: Annotated[int, typer.Option(min=16, help="Customers between the two trainings.", metavar="N")] = 160,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.", metavar="N")] = 12,
    *,
    recipe: Annotated[
        str, typer.Option(help="Of another recipe: a folder of recipes/, or ./yours.", metavar="NAME")
    ] = KIOSK,
    data: Annotated[
        Path | None,
        typer.Option(
            help="With --recipe: labelled pictures, as of nunchi recipe train. Default: drawn ones, for pet-eye.",
            metavar="DIR",
            exists=True,
        ),
    ] = None,
) -> None:
    """Show the whole loop on this machine, in ten minutes: labels, training, judgement, promotion, rollback.

    It uses drawn people, no photos. A cloud is started for it, and stopped afterwards. The first training uses labelled
    pictures; photos of customers are then auto-labelled where the model is sure, a person reviews some, and the second
    training uses all of them. Each model is promoted only if it is better. The reports are kept, and listed at the end.

    With --recipe the labelled pictures of a folder stand in for customers and for the people who check photos: a few
    teach the model that the shop opens with, the others teach and judge its successor. That takes minutes, and no GPU.
    Without --data the pictures of pet-eye are drawn.

    Exit status: 0 both trainings ended, whatever the verdict on the second; 1 any error.

    Example: nunchi flywheel --out out/flywheel
    """
    if recipe != KIOSK:
        _of_recipe(recipe, data, out_folder)
        return
    from demo.flywheel import cloud, keep, run  # noqa: PLC0415 - see above

    _require_trainer()
    began = time.monotonic()
    kept = out_folder or KEPT / new_run_id(now())
    with tempfile.TemporaryDirectory(prefix="nunchi-flywheel-") as temporary:
        folder = Path(temporary)
        with supervise.interruptible(), cloud(folder, epochs) as record:
            try:
                run(record, folder, pictures=pictures, customers=customers, since=began)
            except CloudError:
                keep(record, kept)  # the report of a training says why it was not promoted
                err.print(f"[dim]the pages are in {escape(str(kept))}[/]")
                raise
            pages = keep(record, kept)
    err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  done; nothing is left running")
    out.print("[bold]Open[/]\n" + "\n".join(f"  {escape(str(page))}" for page in pages))


def _require_trainer() -> None:
    if not trainer_python().exists():
        raise CloudError(
            f"{trainer_python()} is missing, so nothing was started: install the trainer (6 GB) with `make trainer`, "
            f"or name its Python in {TRAINER_VARIABLE}"
        )


def _of_recipe(name: str, data: Path | None, out_folder: Path | None) -> None:
    """The loop of another recipe's heads."""
    from demo.drawn_recipes import DRAWN, FLYWHEEL_PICTURES, FLYWHEEL_SEED  # noqa: PLC0415
    from demo.flywheel import keep  # noqa: PLC0415 - imports numpy and Pillow
    from demo.recipe_flywheel import cloud, run, split  # noqa: PLC0415

    recipe = load(name)
    if recipe.needs_trainer:
        _require_trainer()
    if data is None and name not in DRAWN:
        raise typer.BadParameter(
            f"the recipe {recipe.name} needs labelled pictures: --data DIR, as of nunchi recipe train --help",
            param_hint="--data",
        )
    began = time.monotonic()
    kept = out_folder or KEPT / new_run_id(now(), recipe.name)
    with tempfile.TemporaryDirectory(prefix="nunchi-flywheel-") as temporary:
        folder = Path(temporary)
        if data is None:
            err.print(f"[dim]  0.0 s[/]  {FLYWHEEL_PICTURES} labelled pictures are drawn, in a minute or two")
            DRAWN[name](data := folder / "drawn", FLYWHEEL_PICTURES, FLYWHEEL_SEED)
        parts = split(recipe, data)
        with supervise.interruptible(), cloud(folder, name, parts) as record:
            try:
                run(record, recipe, parts, folder, since=began)
            finally:
                keep(record, kept)
    err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  done; nothing is left running")
    out.print(f"The runs, their figures and judgements are in {escape(str(kept))}")
