"""`nunchi try`: a page on which a person uploads a picture, and sees what a recipe answers about it."""

from __future__ import annotations

import asyncio
import os
import shlex
from typing import Annotated

import typer

from config.nunchi_toml import load as load_config
from local.environment import recipe_of
from local.errors import CloudDown, CloudError
from local.ports import require_free
from local.record import Record
from local.state import StateDir
from ops import supervise
from ops.commands.cloud import INTERRUPTED, running_or_fresh
from ops.options import DEFAULT_STATE, StateOption
from recipes.reading import KIOSK, folder_of
from recipes.reading import load as load_recipe
from recipes.texts import load_texts
from worker.models.day_0 import built_in


def try_recipe(
    recipe: Annotated[
        str | None,
        typer.Option(
            help="What is looked for and asked: a folder of recipes/, or ./yours. Default: that of the cloud that is "
            "up, else nunchi.toml's."
        ),
    ] = None,
    state: StateOption = DEFAULT_STATE,
    port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Port of the page. Default: a free one.")
    ] = None,
) -> None:
    """Open a page on this machine: upload a picture or use the camera, and see what a recipe answers about it.

    The picture goes the real way: S3, queue, Lambda, worker, MQTT. A cloud that is up with that recipe is used.
    Otherwise one is started, and stopped afterwards, with everything that it stored. Ctrl-C ends it.

    Exit status: 0 after Ctrl-C; 130 Ctrl-C before the page was there; 1 there is no such recipe, it has no model or
    texts, a cloud with another recipe is up, or the cloud went down.

    Example: nunchi try --recipe mask
    """
    from demo.try_page.serving import serve  # noqa: PLC0415 - imports Pillow, and what asks AWS

    folder = StateDir(state)
    name = recipe_of(recipe or _recipe_up(folder), os.environ, load_config())
    if name == KIOSK:
        raise CloudError(
            "the page of the recipe kiosk is the kiosk's screen, not this one; `nunchi up` prints its address"
        )
    loaded = load_recipe(name)
    texts = load_texts(loaded, folder_of(name))
    if folder.holder() is None:
        _require_model(name)
    if port is not None:
        require_free(port, "--port")
    try:
        with (
            supervise.interruptible(),
            running_or_fresh(folder, [f"--recipe={name}"], of="page") as (record, where),
        ):
            _require_recipe(record, folder, name)
            asyncio.run(serve(record, where, loaded, texts, port))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _recipe_up(folder: StateDir) -> str | None:
    try:
        return folder.read().recipe
    except CloudDown:
        return None


def _require_model(name: str) -> None:
    if not (manifest := built_in(name)).is_file():
        raise CloudError(
            f"the recipe {name} has no model yet, so it answers nothing: there is no {manifest}. Train it on photos "
            f"with label files: nunchi recipe train {shlex.quote(name)} --data FOLDER"
        )


def _require_recipe(record: Record, folder: StateDir, name: str) -> None:
    if record.recipe != name:
        raise CloudError(
            f"the cloud in {folder.path} has the recipe {record.recipe}, not {name}; no page was opened. Restart it: "
            f"{folder.command('down')} && {folder.command(f'up --detach --recipe={shlex.quote(name)}')}"
        )
