"""`nunchi send` and `nunchi watch`: uploads photos as a kiosk does, and shows label messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from config.nunchi_toml import load
from contracts.errors import InvalidName, NunchiError
from contracts.messages import Status
from contracts.names import check_kiosk_id, image_id_time
from kiosk.cloud.counter import Answer, Counter, ReceivesLabels
from kiosk.cloud.subscribe import Subscriber
from kiosk.cloud.upload import Uploader
from kiosk.errors import NoAnswer
from local.errors import CloudError
from local.record import OBSERVER, Record
from local.state import StateDir
from mqtt.client import Broker
from ops.answers import answer_row, answers_table, legend, message_line, no_answer_row
from ops.display import echo_json, err, out
from ops.options import DEFAULT_STATE, JsonOption, StateOption, in_cloud
from recipes.kiosk.message import LabelMessage
from recipes.kiosk.screen import screen_of
from recipes.reading import KIOSK

CONNECT_S: Final = 10.0
CLOCK_OFF_S: Final = 2.0
LOOK_EVERY_S: Final = 0.5
NON_ROW_LINES: Final = 5  # header and caption of a table, and the line of the cursor
KioskOption = Annotated[str, typer.Option("--kiosk", "-k", help="Id of the kiosk.", metavar="K")]


class PhotoUnreadable(NunchiError):
    """A file can't be sent; those before it were sent."""


class SendExit(IntEnum):
    """The exit status of `nunchi send`, by the names of Status; of several photos the highest number counts."""

    LABELLED = 0
    NO_PERSON = 3
    UNSURE = 4
    REJECTED = 5
    NO_ANSWER = 6


ShowAnswer = Callable[[Path, Answer[LabelMessage] | NoAnswer], None]


def send(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Files to upload, as they are; HEIC as JPEG.",
        ),
    ],
    kiosk: KioskOption = "demo",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.", metavar="S")] = 20.0,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Upload each photo as a kiosk does, wait for its label, show it and the time of every step in milliseconds.

    "elder" is the probability that the customer is an elder; "screen" is what a kiosk shows: easy (large letters,
    voice) from [screen] elder_from of nunchi.toml on, else standard.

    Exit status: 0 every photo labelled, 3 no person, 4 unsure, 5 rejected, 6 no answer in time; of several photos the
    highest counts. 2: a file is missing, there is no such kiosk, or another invalid argument. 1: any other error, such
    as no cloud.

    Example: nunchi send samples/*.jpg --json | jq -r '[.image_id, .label, .confidence] | @tsv'
    """
    elder_from = load().screen.elder_from
    record = StateDir(state).read()
    _require_kiosk(record, kiosk, state)
    with _json_answers(elder_from) if as_json else live_answers(out, elder_from=elder_from) as show:
        statuses = asyncio.run(send_all(record, photos, kiosk, timeout, show))
    raise typer.Exit(max(statuses))


def watch(kiosk: KioskOption = "demo", as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """Show a kiosk's messages as they arrive, until Ctrl-C. A lost connection is opened again.

    Exit status: 0 after Ctrl-C, 1 when the cloud is down, or goes down.

    Example: nunchi watch --kiosk demo --json | jq .label
    """
    elder_from = load().screen.elder_from
    folder = StateDir(state)
    record = folder.read()
    _require_kiosk(record, kiosk, state)
    if not as_json:
        err.print(f"[dim]labels of kiosk {kiosk}, as they arrive; Ctrl-C ends this[/]")

    def show(message: LabelMessage) -> None:
        typer.echo(message.to_json()) if as_json else out.print(message_line(message, elder_from=elder_from))

    try:
        asyncio.run(show_all(folder, subscriber_of(record, kiosk), show))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _require_kiosk(record: Record, kiosk: str, state: Path) -> None:
    """A usage error that lists the kiosks of the cloud when this one is not among them."""
    try:
        check_kiosk_id(kiosk)
    except InvalidName as error:
        raise typer.BadParameter(f"{error}; nothing was sent", param_hint="--kiosk") from None
    if kiosk == record.kiosk:
        return
    from ops.commands.kiosk import fleet_of  # noqa: PLC0415 - imports boto3, which most calls do not need

    with fleet_of(True, state) as fleet:
        names = [each.name for each in fleet.kiosks.all()]
    if kiosk not in names:
        add = in_cloud(f"kiosk add {kiosk}", True, state)
        raise typer.BadParameter(
            f"there is no kiosk {kiosk}, nothing was sent. There are: {', '.join(names)}; to add it: {add}",
            param_hint="--kiosk",
        )


async def show_all(
    folder: StateDir, subscriber: ReceivesLabels[LabelMessage], show: Callable[[LabelMessage], None]
) -> None:
    """Show labels as they arrive, and a warning when the connection is lost; CloudDown when the cloud is down."""

    async def receive() -> None:
        async for message in subscriber.labels():
            show(message)

    tasks = [asyncio.create_task(receive()), asyncio.create_task(_until_down(folder, subscriber))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_down(folder: StateDir, subscriber: ReceivesLabels[LabelMessage]) -> None:
    """Returns never: raises CloudDown when the broker can't be reached and the cloud is down."""
    connected = False
    while True:
        before, connected = connected, subscriber.subscribed.is_set()
        if before and not connected:
            err.print("[yellow]connection lost, trying again[/]")
        if not connected:
            folder.read()
        await asyncio.sleep(LOOK_EVERY_S)


async def send_all(
    record: Record, photos: Sequence[Path], kiosk_id: str, timeout_s: float, show: ShowAnswer
) -> list[SendExit]:
    """Send the photos one after the other, so that none adds to the time of another; show each answer."""
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=kiosk_id)
    statuses = []
    clocks: set[str] = set()
    async with Counter(uploader, subscriber_of(record, kiosk_id)).open(timeout_s=CONNECT_S) as counter:
        for photo in photos:
            try:
                answer = await counter.ask(upload_of(photo), timeout_s=timeout_s)
            except NoAnswer as error:
                show(photo, error)
                statuses.append(SendExit.NO_ANSWER)
            else:
                show(photo, answer)
                if words := clock_words(answer):
                    clocks.add(words)
                statuses.append(SendExit[answer.message.status.name])
    for words in sorted(clocks):
        err.print(f"[yellow]{escape(words)}[/]")
    return statuses


def upload_of(photo: Path) -> bytes:
    """The bytes to upload: the file as it is, but a phone's HEIC as a JPEG. PhotoUnreadable when that fails."""
    from imaging import heic  # noqa: PLC0415 - `nunchi watch` decodes nothing
    from imaging.decoding import DECODE_SIDE, PhotoRejected  # noqa: PLC0415

    try:
        return heic.as_jpeg(photo.read_bytes(), side=DECODE_SIDE)
    except PhotoRejected as rejection:
        raise PhotoUnreadable(f"{photo} was not sent: {rejection.detail}") from None


def clock_words(answer: Answer[LabelMessage]) -> str | None:
    """What is wrong with the clock of this machine, which named the photo; None when nothing is.

    The id holds the time by this clock. The worker takes the time of the upload for one that is later than that, or
    implausibly earlier; a clock that is a little slow lengthens the step `upload` beyond the time that it took here.
    """
    message = answer.message
    named = image_id_time(message.reference.image_id)
    if named is None:
        return None
    ahead_s = (named - message.captured_at).total_seconds()
    if abs(ahead_s) < CLOCK_OFF_S:
        ahead_s = min(0.0, answer.upload_ms - message.steps_ms.get("upload", 0.0)) / 1e3
    if abs(ahead_s) < CLOCK_OFF_S:
        return None
    by = f"{timedelta(seconds=round(abs(ahead_s)))} {'ahead of' if ahead_s > 0 else 'behind'}"
    return (
        f"this machine's clock is about {by} the cloud's, so captured_at or the time of the upload is wrong. "
        "Set the clock: sudo timedatectl set-ntp true"
    )


def subscriber_of(record: Record, kiosk_id: str) -> Subscriber[LabelMessage]:
    """A subscriber to labels with a random client id: a shared one would disconnect another client.

    CloudError in a cloud of another recipe, whose messages are no labels.
    """
    if record.recipe != KIOSK:
        raise CloudError(f"this cloud has the recipe {record.recipe}, which answers with no labels: nunchi try")
    return Subscriber(observer(record), kiosk_id=check_kiosk_id(kiosk_id), read=LabelMessage.from_json)


def observer(record: Record) -> Broker:
    """The broker for one more client of a cloud, under a random id."""
    mqtt = record.mqtt
    return Broker(
        host=mqtt.host,
        port=mqtt.port,
        ca=mqtt.ca,
        cert=mqtt.cert,
        key=mqtt.key,
        client_id=f"{OBSERVER}-{secrets.token_hex(6)}",
    )


@contextlib.contextmanager
def live_answers(console: Console, *, elder_from: float) -> Generator[ShowAnswer, None, None]:
    """A function that shows answers in a table: at once on a terminal, on a pipe when the block ends.

    A legend follows. Both are also shown when the block ends with an error.
    """
    width = console.options.max_width
    live = Live(console=console, auto_refresh=False)
    rows: list[list[str]] = []
    statuses: set[Status] = set()
    unanswered: list[str] = []  # printed below the table: other output would break Live's

    def show(photo: Path, answer: Answer[LabelMessage] | NoAnswer) -> None:
        if isinstance(answer, NoAnswer):
            rows.append(no_answer_row(photo.name))
            unanswered.append(f"{photo}: {answer}")
        else:
            rows.append(answer_row(photo.name, answer.message, answer.total_ms, elder_from=elder_from))
            statuses.add(answer.message.status)
        if console.is_terminal:
            live.start()
            live.update(answers_table(width, rows[-max(1, console.height - NON_ROW_LINES) :]), refresh=True)

    try:
        yield show
    finally:
        if console.is_terminal:
            live.update(answers_table(width, rows))
            live.stop()
        elif rows:
            console.print(answers_table(width, rows))
        for line in legend(statuses, elder_from) if statuses else ():
            console.print(f"[dim]{line}[/]")
        for line in unanswered:
            err.print(escape(line), style="red")


@contextlib.contextmanager
def _json_answers(elder_from: float) -> Generator[ShowAnswer, None, None]:
    """A function that prints each answer as a line of JSON: the message, with the photo, the screen and the time."""

    def show(photo: Path, answer: Answer[LabelMessage] | NoAnswer) -> None:
        if isinstance(answer, NoAnswer):
            echo_json({"photo": str(photo), "status": "no_answer", "reason": str(answer)})
        else:
            fields = json.loads(answer.message.to_json()) | {"screen": screen_of(answer.message, elder_from)}
            echo_json({"photo": str(photo), **fields, "total_ms": round(answer.total_ms, 1)})

    yield show
