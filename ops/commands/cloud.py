"""`nunchi up`, `down`, `status`: the cloud on this machine."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from config.mode import Mode
from contracts.instants import now
from contracts.names import new_image_id
from local import worker_socket
from local.errors import CloudDown, CloudError
from local.progress import Kind, ProgressLine, failure
from local.record import CloudState, Record
from local.state import StateDir
from ops import supervise
from ops.display import echo_json, err, out
from ops.exits import Exit
from ops.options import DEFAULT_STATE, JsonOption, StateOption
from recipes.reading import KIOSK, from_anywhere

INTERRUPTED: Final = 130  # what shells call a command that Ctrl-C ended


class StatusExit(IntEnum):
    """The exit status of `nunchi status`."""

    UP = 0
    DOWN = 3
    STARTING = 4


def up(
    state: StateOption = DEFAULT_STATE,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is up; `nunchi down` stops it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Port of S3 and the other AWS services. Default: a free one."),
    ] = None,
    mqtt_port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Port of the MQTT broker. Default: a free one.")
    ] = None,
    screen_port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Port of the kiosk's page. Default: a free one.")
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="How photos reach workers: a Run Command to one, or a queue that several read. Default: nunchi.toml's."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=16, help="How many workers, in mode queue. Default: one.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="What is looked for and asked: a folder of recipes/, or ./yours. Default: nunchi.toml's."),
    ] = None,
    training: Annotated[
        bool, typer.Option("--training", help="With retraining: its state machine, for `nunchi train --local`.")
    ] = False,
    worker_mqtt_port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Port at which the worker reaches the broker: a proxy's.", hidden=True),
    ] = None,
) -> None:
    """Start the cloud on this machine: AWS's services, the pipeline deployed by the CDK, the worker, a kiosk's screen.

    Takes about 15 seconds. Without --detach it stays in the foreground, shows events, and Ctrl-C stops everything.

    Exit status: 0 it is up, or was stopped by Ctrl-C afterwards; 3 one is up already, with other options; 130 Ctrl-C
    before it was up, or with --detach; 2 an invalid argument; 1 it could not start, or failed.

    Example: nunchi up --detach && nunchi send samples/*.jpg && nunchi down
    """
    folder = StateDir(state)
    requested = {
        "--port": port,
        "--mqtt-port": mqtt_port,
        "--screen-port": screen_port,
        "--mode": mode,
        "--workers": workers,
        "--recipe": None if recipe is None else from_anywhere(recipe),
    }
    if folder.holder() is not None:
        record = wait_until_up(folder)
        out.print(f"[green]The cloud in {folder.path} is up already.[/]\n{summary(record)}")
        _require_same(record, folder, requested | {"--training": training or None}, detach=detach)
        return
    options = {**requested, "--worker-mqtt-port": worker_mqtt_port, "--training": int(training)}
    supervisor = supervise.Supervisor(folder)
    record: Record | None = None
    with supervise.interruptible():
        try:
            record = start(supervisor, [f"{name}={value}" for name, value in options.items() if value], detach=detach)
            out.print(f"[green]The cloud is up[/] in {folder.path}\n{summary(record)}\n\n{try_next(record, state)}")
            if not detach:
                out.print("\n[dim]Ctrl-C stops it.[/]")
                _follow(supervisor)
        except KeyboardInterrupt:
            supervisor.stop()
            if folder.holder() is None:
                err.print("nothing is left running")
            else:
                err.print(f"the cloud that another process started in {folder.path} is still up")
            if record is None or detach:
                raise typer.Exit(INTERRUPTED) from None


def _require_same(record: Record, folder: StateDir, requested: Mapping[str, int | str | None], *, detach: bool) -> None:
    """End with exit status 3 when options differ from the running cloud's: they have no effect."""
    actual = {
        "--port": int(record.endpoints["s3"].rpartition(":")[2]),
        "--mqtt-port": record.mqtt.port,
        "--screen-port": None if record.screen is None else int(record.screen.url.rpartition(":")[2]),
        "--mode": record.mode,
        "--workers": len(record.workers),
        "--recipe": record.recipe,
        "--training": record.training,
    }
    given = {option: value for option, value in requested.items() if value is not None}
    other = [option for option, value in given.items() if value != actual[option]]
    if not other:
        return
    texts = {option: option if value is True else f"{option} {value}" for option, value in given.items()}
    again = " ".join([*(["--detach"] if detach else []), *texts.values()])
    err.print(
        f"[yellow]It was started without {escape(' and '.join(texts[option] for option in other))}, and options of a "
        f"running cloud can't change.[/] To restart it with them: "
        f"{escape(folder.command('down'))} && {escape(folder.command(f'up {again}'))}"
    )
    raise typer.Exit(Exit.EXISTS)


def _follow(supervisor: supervise.Supervisor) -> None:
    """Show progress until the cloud ends; CloudError when it fails."""
    for line in supervisor.lines():
        show_progress(line)
        if line.kind is Kind.FAILED:
            raise CloudError(line.text)


def down(state: StateOption = DEFAULT_STATE) -> None:
    """Stop the cloud: the worker finishes the photos in hand; no process and no port is left. The logs stay.

    Exit status: 0 no cloud is up any more, also when none was; 1 it could not be stopped.

    Example: nunchi down --state /tmp/second-cloud
    """
    folder = StateDir(state)
    if supervise.stop(folder):
        out.print(f"The cloud in {folder.path} is down. Its logs are in {folder.logs}")
    else:
        out.print(f"No cloud is up in {folder.path}")


def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Show whether the cloud is up, and what another program needs to use it.

    Exit status: 0 it is up, 3 none is, 4 one is starting; 1 any other error.

    Example: aws --endpoint-url "$(nunchi status --json | jq -r .endpoints.s3)" s3 ls
    """
    folder = StateDir(state)
    try:
        record = _with_current_models(folder.read())
    except CloudDown as error:
        raise typer.Exit(_show_down(folder, str(error), as_json)) from None
    if as_json:
        typer.echo(record.to_json())
    else:
        colour = "green" if record.state is CloudState.UP else "yellow"
        out.print(f"[{colour}]The cloud in {folder.path} is {record.state}[/]\n{summary(record)}")


def _with_current_models(record: Record) -> Record:
    """The record with the models in service now: weights may have been promoted since it was written."""
    workers = (replace(worker, model=worker_socket.model(worker.socket) or worker.model) for worker in record.workers)
    return replace(record, workers=tuple(workers))


def _show_down(folder: StateDir, reason: str, as_json: bool) -> StatusExit:
    """Show that no cloud is up, and the error of the last one here if it failed; returns the exit status."""
    state = CloudState.DOWN if folder.holder() is None else CloudState.STARTING
    failed = failure(folder.progress)
    if as_json:
        echo_json({"state": state} | ({"failed": failed} if failed else {}))
    else:
        out.print(escape(f"{reason}\nthe last one failed: {failed}" if failed else reason))
    return StatusExit.DOWN if state is CloudState.DOWN else StatusExit.STARTING


def start(supervisor: supervise.Supervisor, arguments: list[str], *, detach: bool) -> Record:
    """Start a cloud, show its progress, return its record. A failed or interrupted start leaves no process."""
    try:
        supervisor.start(arguments, detach=detach)
        return supervisor.follow(show_progress)
    except BaseException:
        supervisor.stop()
        raise


@contextmanager
def fresh_cloud(folder: StateDir, arguments: list[str]) -> Generator[Record, None, None]:
    """A new cloud in the folder, stopped at the end of the block."""
    try:
        yield start(supervise.Supervisor(folder), arguments, detach=False)
    finally:
        with supervise.uninterrupted():
            supervise.stop(folder)


@contextmanager
def running_or_fresh(
    folder: StateDir, arguments: list[str], *, of: str
) -> Generator[tuple[Record, StateDir], None, None]:
    """The cloud that is up in the folder; otherwise a new one in a folder of its own, removed at the end of the block.

    `arguments`: of a new one; `of`: what it is for, in words.
    """
    if folder.holder() is not None:
        err.print(f"[dim]using the cloud in {folder.path}[/]")
        yield wait_until_up(folder), folder
        return
    with tempfile.TemporaryDirectory(prefix=f"nunchi-{of}-") as temporary:
        own = StateDir(Path(temporary))
        try:
            with fresh_cloud(own, arguments) as record:
                yield record, own
        finally:
            err.print(f"[dim]the {of}'s cloud is down; nothing is left running[/]")


def wait_until_up(folder: StateDir) -> Record:
    """The record of a cloud that another process started; waits while it is still starting."""
    return supervise.Supervisor(folder).follow(lambda line: show_progress(line) if not folder.record.exists() else None)


def show_progress(line: ProgressLine) -> None:
    """Show a line of progress; a failure is raised as an error instead."""
    if line.kind in (Kind.PHASE, Kind.NOTE):
        err.print(f"[dim]{line.at_s:6.1f} s[/]  {escape(line.text)}")
    elif line.kind is Kind.READY:
        err.print(f"[dim]{line.at_s:6.1f} s[/]  [green]{escape(line.text)}[/]")


def summary(record: Record) -> str:
    """Addresses and keys of a running cloud, one a line."""
    keys, mqtt, model = record.credentials, record.mqtt, record.worker.model or {}
    pids = [str(worker.pid) for worker in record.workers]
    parts = {
        **(
            {}
            if record.screen is None
            else {"screen": f"{record.screen.url}/  the kiosk's page; /demo: people come in"}
        ),
        "S3": f"{record.endpoints['s3']}  keys {keys.access_key_id}/{keys.secret_access_key}  region {record.region}",
        "images": f"s3://{record.buckets['images']}/uploads/{record.kiosk}/<image id>.jpg",
        "MQTT": f"{mqtt.host}:{mqtt.port}  topic {mqtt.topic}  (MQTT 5, TLS, client certificate)",
        **(
            {"queue": record.queues["uploads"]}
            if record.mode is Mode.QUEUE
            else {"SSM": f"{record.endpoints['ssm']}  instance {record.instance}"}
        ),
        "worker" if len(pids) == 1 else "workers": f"process {' and '.join(pids)}  "
        f"model {model.get('name')} {model.get('version')}",
    }
    return "\n".join(f"[bold]{name:8}[/]{escape(text)}" for name, text in parts.items())


def try_next(record: Record, state: Path) -> str:
    """Commands to try on a running cloud, ready to paste."""
    keys, mqtt = record.credentials, record.mqtt
    nunchi = "nunchi" if state == DEFAULT_STATE else f"NUNCHI_STATE={_quoted(state)} nunchi"
    first = f"send samples/*.jpg\n  {nunchi} watch" if record.recipe == KIOSK else "try"
    aws = f"AWS_ACCESS_KEY_ID={keys.access_key_id} AWS_SECRET_ACCESS_KEY={keys.secret_access_key} "
    return f"""[bold]Try next[/]
  {nunchi} {first}
  {nunchi} status --json
  {nunchi} down
[bold]Or with your own tools[/]
  mosquitto_sub -V mqttv5 -q 1 -h {mqtt.host} -p {mqtt.port} -t {mqtt.topic} \\
    --cafile {_quoted(mqtt.ca)} \\
    --cert {_quoted(mqtt.cert)} --key {_quoted(mqtt.key)}
  {aws}AWS_REGION={record.region} \\
    aws --endpoint-url {record.endpoints["s3"]} s3 cp photo.jpg \\
    s3://{record.buckets["images"]}/uploads/{record.kiosk}/{new_image_id(now())}.jpg"""


def _quoted(path: Path) -> str:
    """A path, quoted for a shell and escaped for rich."""
    return escape(shlex.quote(str(path)))
