"""`nunchi up`, `down`, `status`: the cloud on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.markup import escape

from config.mode import Mode
from local import worker_socket
from local.errors import CloudDown, CloudError
from local.progress import Kind, ProgressLine, failure
from local.record import CloudState, Record
from local.state import StateDir
from ops import supervise
from ops.display import err, out, summary, try_next
from ops.options import DEFAULT_STATE, JsonOption, StateOption

INTERRUPTED: Final = 130  # what shells call a command that Ctrl-C ended


def up(
    state: StateOption = DEFAULT_STATE,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Come back when it is up; `nunchi down` ends it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Port of S3 and the other AWS services. Default: a free one."),
    ] = None,
    mqtt_port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Port of the MQTT broker. Default: a free one.")
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
    training: Annotated[
        bool, typer.Option("--training", help="With retraining: its state machine, for `nunchi train --local`.")
    ] = False,
    worker_mqtt_port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Where the worker looks for the broker: a proxy's port.", hidden=True),
    ] = None,
) -> None:
    """Start the cloud on this machine: AWS's services, the pipeline deployed by the CDK, the worker, a kiosk.

    Takes about 15 seconds. Without --detach it stays, shows what happens, and Ctrl-C ends all of it.

    Example: nunchi up --detach && nunchi send samples/*.jpg && nunchi down
    """
    folder = StateDir(state)
    asked = {"--port": port, "--mqtt-port": mqtt_port, "--mode": mode, "--workers": workers}
    if folder.holder() is not None:
        record = wait_until_up(folder)
        out.print(f"[green]The cloud in {folder.path} is up already.[/]\n{summary(record)}")
        _say_what_came_too_late(record, folder, asked)
        return
    options = {**asked, "--worker-mqtt-port": worker_mqtt_port, "--training": int(training)}
    supervisor = supervise.Supervisor(folder)
    up_now: Record | None = None
    with supervise.interruptible():
        try:
            up_now = start(
                supervisor, [f"{name}={value}" for name, value in options.items() if value], stay_when_we_die=detach
            )
            out.print(f"[green]The cloud is up[/] in {folder.path}\n{summary(up_now)}\n\n{try_next(up_now, state)}")
            if not detach:
                out.print("\n[dim]Ctrl-C ends it.[/]")
                _stay(supervisor)
        except KeyboardInterrupt:
            supervisor.stop()
            if folder.holder() is None:
                err.print("nothing is left running")
            else:
                err.print(f"a cloud that another process started in {folder.path} goes on")
            if up_now is None or detach:
                raise typer.Exit(INTERRUPTED) from None


def _say_what_came_too_late(record: Record, folder: StateDir, asked: Mapping[str, int | Mode | None]) -> None:
    """What was asked for, and the running cloud does not have."""
    has = {
        "--port": int(record.endpoints["s3"].rpartition(":")[2]),
        "--mqtt-port": record.mqtt.port,
        "--mode": record.mode,
        "--workers": len(record.workers),
    }
    if late := [f"{option} {value}" for option, value in asked.items() if value not in (None, has[option])]:
        err.print(
            f"[yellow]{' and '.join(late)} came too late: a running cloud stays as it is[/]; "
            f"to change them: {escape(folder.command('down'))}"
        )


def _stay(supervisor: supervise.Supervisor) -> None:
    """Tell what happens until the cloud ends."""
    for line in supervisor.lines():
        tell(line)
        if line.kind is Kind.FAILED:
            raise CloudError(line.text)


def down(state: StateOption = DEFAULT_STATE) -> None:
    """End the cloud: the worker finishes the photos in hand; no process and no port is left. The logs stay.

    Example: nunchi down --state /tmp/second-cloud
    """
    folder = StateDir(state)
    if supervise.stop(folder):
        out.print(f"The cloud in {folder.path} is down. Its logs are in {folder.logs}")
    else:
        out.print(f"Nothing is up in {folder.path}")


def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Say whether the cloud is up, and everything that another program needs to join in.

    Example: aws --endpoint-url "$(nunchi status --json | jq -r .endpoints.s3)" s3 ls
    """
    folder = StateDir(state)
    try:
        record = _asked(folder.read())
    except CloudDown as down:
        _show_down(folder, str(down), as_json)
        return
    if as_json:
        typer.echo(record.to_json())
    else:
        colour = "green" if record.state is CloudState.UP else "yellow"
        out.print(f"[{colour}]The cloud in {folder.path} is {record.state}[/]\n{summary(record)}")


def _asked(record: Record) -> Record:
    """The record with the models that serve now: weights may have been promoted since it was written."""
    return replace(
        record,
        workers=tuple(replace(one, model=worker_socket.model(one.socket) or one.model) for one in record.workers),
    )


def _show_down(folder: StateDir, why: str, as_json: bool) -> None:
    """That there is no record, and what the last cloud here ended of, if it ended by itself."""
    state = CloudState.DOWN if folder.holder() is None else CloudState.STARTING
    failed = failure(folder.progress)
    if as_json:
        typer.echo(json.dumps({"state": state} | ({"failed": failed} if failed else {})))
    else:
        out.print(escape(f"{why}\nthe last one failed: {failed}" if failed else why))


def start(supervisor: supervise.Supervisor, arguments: list[str], *, stay_when_we_die: bool) -> Record:
    """Start a cloud, telling its progress; its record. Nothing goes on starting when that fails or is interrupted."""
    try:
        supervisor.start(arguments, stay_when_we_die=stay_when_we_die)
        return supervisor.follow(tell)
    except BaseException:
        supervisor.stop()
        raise


def wait_until_up(folder: StateDir) -> Record:
    """The record of a cloud that somebody else has started, perhaps just now."""
    return supervise.Supervisor(folder).follow(lambda line: tell(line) if not folder.record.exists() else None)


def tell(line: ProgressLine) -> None:
    """Show a line of progress; what failed is told by whoever raises."""
    if line.kind in (Kind.PHASE, Kind.NOTE):
        err.print(f"[dim]{line.at_s:6.1f} s[/]  {escape(line.text)}")
    elif line.kind is Kind.READY:
        err.print(f"[dim]{line.at_s:6.1f} s[/]  [green]{escape(line.text)}[/]")
