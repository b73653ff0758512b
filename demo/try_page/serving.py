"""Serves the page of `nunchi try` on this machine, with the addresses and keys of a cloud that is up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator, Mapping
from typing import Final

import uvicorn
from rich.markup import escape

from contracts.answers_message import AnswersMessage
from demo.try_page.server import create_app
from kiosk.cloud.counter import Counter
from kiosk.cloud.subscribe import Subscriber
from kiosk.cloud.upload import Uploader
from kiosk.screen.guard import hosts_of
from local.ports import LOOPBACK
from local.record import Record
from local.state import StateDir
from ops.commands.photo import CONNECT_S, observer
from ops.display import err, out
from recipes.recipe import Recipe
from recipes.texts import Texts

LOOK_EVERY_S: Final = 0.5


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the loop has those of the command."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(record: Record, where: StateDir, recipe: Recipe, texts: Mapping[str, Texts], port: int | None) -> None:
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
