"""`python -m kiosk`: the wiring. The only file of the kiosk that reads arguments and environment, or makes a client.

Exits with 0 after SIGTERM or Ctrl-C, 1 when it could not start or continue, 2 when settings or arguments are invalid.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import re
import signal
import socket
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Final

import uvicorn

from contracts.errors import NunchiError
from contracts.service_manager import ServiceManager
from kiosk.cloud.credentials import KioskClients
from kiosk.cloud.subscribe import Subscriber
from kiosk.cloud.upload import Uploader
from kiosk.device.agent import Agent
from kiosk.device.labellers import CloudLabeller, DeviceWhenLate, Labeller, Nobody
from kiosk.device.model_process import DeviceLabeller
from kiosk.errors import InvalidMenu, InvalidSettings
from kiosk.menu.menu import Menu
from kiosk.menu.orders import OrderBook
from kiosk.menu.places import Places
from kiosk.menu.sync import OrdersTable, OrderSync
from kiosk.screen.guard import hosts_of
from kiosk.screen.server import PAGE, create_app
from kiosk.settings import Device
from kiosk.voice import prompts
from kiosk.voice.process import EngineVoice
from kiosk.voice.process import voice as engine_of
from kiosk.voice.silent import NoVoice
from kiosk.voice.words import forms_of_dishes
from mqtt.client import MqttError
from recipes.kiosk.message import LabelMessage

log = logging.getLogger("kiosk")

LOOPBACK: Final = "127.0.0.1"
UPLOAD_S: Final = 4.0  # of a connection and of a read: a later label would be dropped in any case
_SAMPLE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: pages are told first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run, or check, a kiosk device."""
    options = _parser().parse_args(arguments)
    try:
        device = Device.load(options.folder, options.settings)
        menu = Menu.load(None if device.toml.shop.menu is None else device.folder / device.toml.shop.menu)
    except (InvalidSettings, InvalidMenu) as error:
        print(f"kiosk: {error}", file=sys.stderr)  # noqa: T201
        return 2
    if options.verb == "check":
        print(f"{device.cloud.kiosk_id}: the settings are valid; the menu has {len(menu.dishes)} dishes")  # noqa: T201
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    os.umask(0o077)  # orders are readable by the agent's user only
    try:
        asyncio.run(_run(device, menu, options, ServiceManager(environ)))
    except (NunchiError, OSError) as error:
        log.error("the kiosk can't continue: %s", error)
        return 1
    return 0


async def _run(device: Device, menu: Menu, options: argparse.Namespace, systemd: ServiceManager) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    toml = device.toml
    port = options.port or toml.screen.port
    with _listening(port) as listener:
        book = OrderBook(options.state / "orders.sqlite", _local_time)
        clients = KioskClients(device.cloud.credentials_url, device.certificate, region=device.cloud.region)
        sync = _sync(device, clients, book)
        voice = _voice(device, menu)
        agent = Agent(
            device.cloud,
            toml,
            menu=menu,
            book=book,
            places=Places(menu, book, random.SystemRandom()),
            labeller=_labeller(device, clients),
            voice=voice,
            samples=_samples(options.demo),
            version=_version(),
            clock=time.monotonic,
            wall=_local_time,
            ordered=sync.notice if sync else lambda: None,
        )
        page = PAGE if toml.screen.page is None else device.folder / toml.screen.page
        app = create_app(
            agent,
            hosts=hosts_of(port),
            page=page,
            spoken=(device.folder / "prompts", prompts.FOLDER),  # the shop's own recordings first
            demo=options.demo is not None,
        )
        server = _Server(
            uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
        working = asyncio.create_task(
            agent.run(systemd.send_heartbeats(), voice.run(), *([sync.run()] if sync else [])), name="agent"
        )
        asked = asyncio.create_task(stopping.wait(), name="signals")
        systemd.ready()
        log.info("%s: the page is at http://%s:%d/", device.cloud.kiosk_id, LOOPBACK, port)
        try:
            done, _ = await asyncio.wait({serving, working, asked}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what ended it
        finally:
            systemd.stopping()
            agent.events.close()
            server.should_exit = True
            working.cancel()
            asked.cancel()
            await asyncio.gather(serving, working, asked, return_exceptions=True)
            book.close()


def _labeller(device: Device, clients: KioskClients) -> Labeller:
    toml, kiosk = device.toml, device.cloud.kiosk_id
    if toml.camera.use == "none":
        return Nobody()
    if toml.labels.labeller == "device":
        return _on_device(kiosk)
    cloud = _cloud(device, clients)
    if toml.labels.labeller == "device_when_late":
        return DeviceWhenLate(cloud, _on_device(kiosk), patience_s=toml.labels.patience_s)
    return cloud


def _cloud(device: Device, clients: KioskClients) -> CloudLabeller:
    settings = device.cloud
    labeller: CloudLabeller

    def failed(error: MqttError | OSError) -> None:
        labeller.connection_failed(error)

    labeller = CloudLabeller(
        Uploader(
            clients.s3(device.s3_endpoint, timeout_s=UPLOAD_S, tries=2),
            bucket=settings.bucket,
            kiosk_id=settings.kiosk_id,
        ),
        Subscriber(device.broker, kiosk_id=settings.kiosk_id, read=LabelMessage.from_json, failed=failed),
        kiosk=settings.kiosk_id,
        where=settings.mqtt_host,
        fetch_credentials=clients.fetch,
    )
    return labeller


def _on_device(kiosk: str) -> DeviceLabeller:
    return DeviceLabeller([sys.executable, "-m", "worker.on_device", "--kiosk", kiosk])


def _voice(device: Device, menu: Menu) -> EngineVoice | NoVoice:
    """The engine of `make voice`, where it is installed and the shop wants it."""
    if not device.toml.voice.on:
        return NoVoice()
    return engine_of(forms_of_dishes((dish.id, dish.name.ko) for dish in menu.dishes))


def _sync(device: Device, clients: KioskClients, book: OrderBook) -> OrderSync | None:
    """What counts orders in the cloud; None where it has no table."""
    settings = device.cloud
    if settings.orders_table is None:
        return None
    dynamodb = clients.dynamodb(device.dynamodb_endpoint)
    return OrderSync(book, OrdersTable(dynamodb, table=settings.orders_table, kiosk_id=settings.kiosk_id))


@contextlib.contextmanager
def _listening(port: int) -> Generator[socket.socket, None, None]:
    """The page's port, on the loopback interface only; OSError with a sentence when it is taken."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            raise OSError(
                f"port {port} can't be used ({error.strerror}): does another agent run? Choose another: [screen] port"
            ) from None
        listener.listen(128)
        yield listener


def _samples(folder: Path | None) -> dict[str, Path]:
    """The pictures of a demonstration, by their names."""
    files = [] if folder is None else sorted(folder.glob("*.jpg"))
    return {file.stem: file for file in files if _SAMPLE.fullmatch(file.stem)}


def _local_time() -> datetime:
    return datetime.now().astimezone()


def _version() -> str:
    try:
        return metadata.version("nunchi")
    except metadata.PackageNotFoundError:
        return "unpackaged"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kiosk",
        description="The agent of a kiosk device: it serves the page on this machine, notices customers, asks the "
        "cloud about them, keeps orders.",
        epilog="Exit status: 0 stopped by a signal, or the settings are valid; 1 it could not start or continue; "
        "2 settings or arguments are invalid. Example: python -m kiosk run --folder shop1",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="run|check")
    run = verbs.add_parser("run", help="serve the page until a signal", description="Serve the page until a signal.")
    check = verbs.add_parser("check", help="check the settings, start nothing", description="Check the settings.")
    for verb in (run, check):
        verb.add_argument(
            "--folder", type=_folder, required=True, metavar="DIR", help="the folder that `nunchi kiosk add` wrote"
        )
        verb.add_argument(
            "--settings",
            type=Path,
            metavar="FILE",
            help="the shop's settings; default: kiosk.toml in the folder",
        )
    run.add_argument(
        "--state",
        type=Path,
        default=Path(os.environ.get("STATE_DIRECTORY", "kiosk-state")),
        metavar="DIR",
        help="where orders are kept; default: $STATE_DIRECTORY, which systemd sets, else ./kiosk-state",
    )
    run.add_argument("--port", type=int, metavar="N", help="of the page; default: [screen] port, which is 8080")
    run.add_argument(
        "--demo", type=_folder, metavar="DIR", help="pictures (*.jpg) of people who may come in; never in a shop"
    )
    return parser


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


if __name__ == "__main__":
    status = main(sys.argv[1:], os.environ)
    sys.stderr.flush()
    # Not sys.exit: it would wait for threads that hang in a request to an unresponsive cloud. Orders are on the disk.
    os._exit(status)
