"""`nunchi up`, `down`, `status`: the cloud on this machine."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer
from rich.markup import escape

from local.errors import CloudDown, CloudError
from local.progress import Kind, Line
from local.record import Record, State
from local.state import StateDir
from ops import supervise
from ops.display import err, out, summary, try_next
from ops.options import DEFAULT_STATE, JsonOption, StateOption

INTERRUPTED: Final = 130  # what shells call a command that Ctrl-C ended


def up(
    state: StateOption = DEFAULT_STATE,
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
    if folder.holder() is not None:
        out.print(f"[green]The cloud in {folder.path} is up already.[/]\n{summary(wait_until_up(folder))}")
        return
    options = {"--port": port, "--mqtt-port": mqtt_port, "--worker-mqtt-port": worker_mqtt_port}
    supervisor = supervise.Supervisor(folder)
    record: Record | None = None
    with supervise.interruptible():
        try:
            record = start(
                supervisor, [f"{name}={value}" for name, value in options.items() if value], stay_when_we_die=detach
            )
            out.print(f"[green]The cloud is up[/] in {folder.path}\n{summary(record)}\n\n{try_next(record, state)}")
            if not detach:
                out.print("\n[dim]Ctrl-C ends it.[/]")
                _stay(supervisor)
        except KeyboardInterrupt:
            err.print("\nstopping; the worker finishes the photos in hand")
            supervise.stop(folder)
            err.print("nothing is left running")
            if record is None:
                raise typer.Exit(INTERRUPTED) from None


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
        record = folder.read()
    except CloudDown as down:
        state_now = State.DOWN if folder.holder() is None else State.STARTING
        out.print_json(json.dumps({"state": state_now}), indent=None) if as_json else out.print(escape(str(down)))
        return
    if as_json:
        typer.echo(record.to_json())
    else:
        out.print(f"[green]The cloud in {folder.path} is {record.state}[/]\n{summary(record)}")


def start(supervisor: supervise.Supervisor, arguments: list[str], *, stay_when_we_die: bool) -> Record:
    """Start a cloud, telling its progress; its record."""
    supervisor.start(arguments, stay_when_we_die=stay_when_we_die)
    return supervisor.follow(tell)


def wait_until_up(folder: StateDir) -> Record:
    """The record of a cloud that somebody else has started, perhaps just now."""
    return supervise.Supervisor(folder).follow(lambda line: tell(line) if not folder.record.exists() else None)


def tell(line: Line) -> None:
    """Show a line of progress; what failed is told by whoever raises."""
    if line.kind in (Kind.PHASE, Kind.NOTE):
        err.print(f"[dim]{line.at_s:6.1f} s[/]  {escape(line.text)}")
    elif line.kind is Kind.READY:
        err.print(f"[dim]{line.at_s:6.1f} s[/]  [green]{escape(line.text)}[/]")
