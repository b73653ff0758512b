"""`nunchi send` and `nunchi watch`: the kiosk's side of the path."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Generator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from contracts.messages import LabelMessage, Status
from contracts.names import check_kiosk_id
from kiosk.counter import Answer, Counter, ReceivesLabels
from kiosk.errors import NoAnswer
from kiosk.subscribe import Broker, Subscriber
from kiosk.upload import Uploader
from local.record import OBSERVER, Record
from local.state import StateDir
from ops.display import answer_row, answers_table, err, message_line, out
from ops.options import DEFAULT_STATE, JsonOption, StateOption

CONNECT_S: Final = 10.0
LOOK_EVERY_S: Final = 0.5
AROUND_ROWS: Final = 5  # lines of a table that are no rows, and the cursor's own
KioskOption = Annotated[str, typer.Option("--kiosk", "-k", help="Which kiosk to be.", metavar="K")]


class Exit(IntEnum):
    """How `nunchi send` ends; of several photos the highest number counts."""

    LABELLED = 0
    NO_PERSON = 3
    UNSURE = 4
    REJECTED = 5
    NO_ANSWER = 6


_EXITS: Final = {
    Status.LABELLED: Exit.LABELLED,
    Status.NO_PERSON: Exit.NO_PERSON,
    Status.UNSURE: Exit.UNSURE,
    Status.REJECTED: Exit.REJECTED,
}

Tell = Callable[[Path, Answer | NoAnswer], None]


def send(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO", exists=True, dir_okay=False, readable=True, help="Files to upload, as they are."
        ),
    ],
    kiosk: KioskOption = "demo",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.", metavar="S")] = 20.0,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Be the kiosk: upload each photo, wait for its label, show it and the time of every step in milliseconds.

    Exit status: 0 every photo labelled, 3 no person, 4 unsure, 5 rejected, 6 no answer in time; of several photos the
    highest counts. 2: a file is missing, or another mistake in the command. 1: anything else, such as no cloud.

    Example: nunchi send samples/*.jpg --json | jq -r '[.image_id, .label, .confidence] | @tsv'
    """
    record = StateDir(state).read()
    if as_json:
        exits = asyncio.run(send_all(record, photos, kiosk, timeout, _tell_json))
    else:
        with answers_as_they_come(out) as tell:
            exits = asyncio.run(send_all(record, photos, kiosk, timeout, tell))
    raise typer.Exit(max(exits))


def watch(kiosk: KioskOption = "demo", as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """Show a kiosk's messages as they come, until Ctrl-C. A broken connection is made again.

    Exit status: 0 after Ctrl-C, 1 when the cloud is down, or goes down.

    Example: nunchi watch --kiosk demo --json | jq .label
    """
    folder = StateDir(state)
    record = folder.read()
    if not as_json:
        err.print(f"[dim]labels of kiosk {kiosk}, as they come; Ctrl-C ends this[/]")

    def show(message: LabelMessage) -> None:
        typer.echo(message.to_json()) if as_json else out.print(message_line(message))

    try:
        asyncio.run(show_all(folder, subscriber_of(record, kiosk), show))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def show_all(folder: StateDir, subscriber: ReceivesLabels, show: Callable[[LabelMessage], None]) -> None:
    """Show labels as they come. Says so when the connection is lost; CloudDown when the cloud is no more."""

    async def hear() -> None:
        async for message in subscriber.labels():
            show(message)

    tasks = [asyncio.create_task(hear()), asyncio.create_task(_until_down(folder, subscriber))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_down(folder: StateDir, subscriber: ReceivesLabels) -> None:
    """Raises CloudDown once nobody holds the cloud whose broker we don't reach."""
    connected = False
    while True:
        if subscriber.subscribed.is_set():
            connected = True
        else:
            if connected:
                err.print("[yellow]connection lost, trying again[/]")
                connected = False
            folder.read()
        await asyncio.sleep(LOOK_EVERY_S)


async def send_all(record: Record, photos: Sequence[Path], kiosk_id: str, timeout_s: float, tell: Tell) -> list[Exit]:
    """Send the photos, one after the other so that their times are their own; tell each answer as it comes."""
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=kiosk_id)
    exits = []
    async with Counter(uploader, subscriber_of(record, kiosk_id)).open(timeout_s=CONNECT_S) as counter:
        for photo in photos:
            try:
                answer = await counter.ask(photo.read_bytes(), timeout_s=timeout_s)
            except NoAnswer as nothing:
                tell(photo, nothing)
                exits.append(Exit.NO_ANSWER)
            else:
                tell(photo, answer)
                exits.append(_EXITS[answer.message.status])
    return exits


def subscriber_of(record: Record, kiosk_id: str) -> Subscriber:
    """A subscriber under a client id of its own, so that it pushes nobody off the broker."""
    seen = record.mqtt
    broker = Broker(
        host=seen.host,
        port=seen.port,
        ca=seen.ca,
        cert=seen.cert,
        key=seen.key,
        client_id=f"{OBSERVER}-{secrets.token_hex(6)}",
    )
    return Subscriber(broker, kiosk_id=check_kiosk_id(kiosk_id))


@contextlib.contextmanager
def answers_as_they_come(console: Console) -> Generator[Tell, None, None]:
    """What shows answers in a table: a terminal gets each at once, a pipe the table when the block ends.

    However the block ends, what came until then is shown.
    """
    width = console.width
    live = Live(console=console, auto_refresh=False)
    rows: list[list[str]] = []
    unanswered: list[str] = []  # told below the table: Live can't have others write in between

    def tell(photo: Path, answer: Answer | NoAnswer) -> None:
        if isinstance(answer, NoAnswer):
            rows.append([escape(photo.name), "[red]no answer[/]"])
            unanswered.append(f"{photo}: {answer}")
        else:
            rows.append(answer_row(photo.name, answer.message, answer.total_ms, width=width))
        if console.is_terminal:
            live.start()
            live.update(answers_table(width, rows[-max(1, console.height - AROUND_ROWS) :]), refresh=True)

    try:
        yield tell
    finally:
        if console.is_terminal:
            live.update(answers_table(width, rows))
            live.stop()
        elif rows:
            console.print(answers_table(width, rows))
        for line in unanswered:
            err.print(escape(line), style="red")


def _tell_json(photo: Path, answer: Answer | NoAnswer) -> None:
    if isinstance(answer, NoAnswer):
        typer.echo(json.dumps({"photo": str(photo), "status": "no_answer", "reason": str(answer)}))
    else:
        told = json.loads(answer.message.to_json())
        typer.echo(json.dumps({"photo": str(photo), **told, "total_ms": round(answer.total_ms, 1)}))
