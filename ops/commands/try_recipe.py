"""`nunchi try`: a page on which a person uploads a picture, and sees what a recipe answers about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import socket
from collections.abc import Generator, Mapping
from typing import Annotated, Final

import typer
import uvicorn
from rich.markup import escape

from config.nunchi_toml import load as load_config
from contracts.answers_message import AnswersMessage
from demo.try_page.server import create_app
from kiosk.cloud.counter import Counter
from kiosk.cloud.subscribe import Subscriber
from kiosk.cloud.upload import Uploader
from kiosk.screen.guard import hosts_of
from local.environment import recipe_of
from local.errors import CloudDown, CloudError
from local.ports import LOOPBACK, require_free
from local.record import Record
from local.state import StateDir
from ops import supervise
from ops.commands.cloud import INTERRUPTED, running_or_fresh
from ops.commands.photo import CONNECT_S, observer
from ops.display import err, out
from ops.options import DEFAULT_STATE, StateOption
from recipes.reading import KIOSK, folder_of
from recipes.reading import load as load_recipe
from recipes.recipe import Recipe
from recipes.texts import Texts, load_texts
from worker.models.day_0 import built_in

LOOK_EVERY_S: Final = 0.5


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the loop has those of the command."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


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
            asyncio.run(_serve(record, where, loaded, texts, port))
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


async def _serve(record: Record, where: StateDir, recipe: Recipe, texts: Mapping[str, Texts], port: int | None) -> None:
    """Serve the page until a signal; CloudDown when the cloud in `where` goes down."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk)
    subscriber = Subscriber(observer(record), kiosk_id=record.kiosk, read=AnswersMessage.from_json)
    with socket.create_server((LOOPBACK, port or 0)) as listener:
        async with Counter(uploader, subscriber).open(timeout_s=CONNECT_S) as counter:
            page = listener.getsockname()[1]
            app = create_app(recipe, texts, counter, hosts=hosts_of(page))
            server = _Server(
                uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
            )
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            others = [asyncio.create_task(stopping.wait()), asyncio.create_task(_until_down(where))]
            out.print(f"[bold]The page[/] {escape(recipe.name)}: http://{LOOPBACK}:{page}/\n[dim]Ctrl-C ends it.[/]")
            try:
                done, _ = await asyncio.wait([serving, *others], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # raises what ended it
            finally:
                server.should_exit = True
                for task in others:
                    task.cancel()
                await asyncio.gather(serving, *others, return_exceptions=True)
    err.print("[dim]the page is closed[/]")


async def _until_down(folder: StateDir) -> None:
    """Returns never: CloudDown when no cloud is up in the folder any more."""
    while True:
        folder.read()
        await asyncio.sleep(LOOK_EVERY_S)
