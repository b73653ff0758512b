"""`nunchi weights list|show|add|promote|rollback`: the model registry: runs, and the pointer to the one in service."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import now, to_text
from contracts.weights import DAY_0, MANIFEST, Pointer, check_run_id, new_run_id
from ops.display import echo_json, out, plain_table, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, command_group, in_cloud
from ops.session import session_of
from registry.errors import InvalidRun, PointerMoved, RunExists, RunUnknown
from registry.weights import CurrentRun, Run, read_folder
from worker.models.day_0 import DEFAULT_MANIFEST

weights = command_group(
    "List runs of weights, promote one, roll back: on AWS, or with --local in the cloud on this machine."
)

RunOrDay0Argument = Annotated[
    str, typer.Argument(metavar="RUN", help=f"Id of a run, or {DAY_0}: the model built into every worker.")
]
ByOption = Annotated[str, typer.Option("--by", help="Your name; it is stored in the pointer.", metavar="NAME")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is stored in the pointer.", metavar="TEXT")]

EXIT_POINTER_MOVED: Final = 6
_exits = exits(
    {RunExists: Exit.EXISTS, RunUnknown: Exit.UNKNOWN, InvalidRun: Exit.INVALID, PointerMoved: EXIT_POINTER_MOVED},
    argument=(InvalidName, InvalidMessage),
)


@weights.command("list")
@_exits
def list_(
    history: Annotated[
        bool, typer.Option("--history", help="Show every move of the pointer instead: by whom, when, why.")
    ] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show every run, and the one in service; or every move of the pointer. Exit status: 0, or 1 if unreadable.

    Example: nunchi weights list --json | jq -r 'select(.serves).run'
    """
    with session_of(local, state) as session:
        if history:
            _show_history(session.weights.history(), as_json)
            return
        current, runs = session.weights.current(), session.weights.runs()
    rows = [_row(None, current), *(_row(run, current) for run in runs)]
    if as_json:
        echo_json(*rows)
        return
    table = plain_table("run", "model", "added", "")
    for row in rows:
        model = "built into every worker" if row["model"] is None else row["model"]
        added = (row["added_at"] or "")[:16]
        table.add_row(escape(row["run"]), escape(model), added, "[green]serves[/]" if row["serves"] else "")
    out.print(table)
    if current.run and not any(row["serves"] for row in rows):
        out.print(
            f"[red]the pointer names run {current.run}, which is missing[/]; workers keep the model they have. "
            f"Roll back: {escape(in_cloud('weights rollback', local, state))}"
        )


@weights.command()
@_exits
def show(
    run: RunOrDay0Argument, local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE
) -> None:
    """Show the manifest of a run, and check every file against its SHA-256.

    Exit status: 0 complete, 4 the run is unknown, 5 incomplete or corrupt, 2 the id is invalid, 1 any other error.

    Example: nunchi weights show 20261122t030405z-yolov5n
    """
    with session_of(local, state) as session:
        stored = None if run == DAY_0 else session.weights.check(check_run_id(run))
        current = session.weights.current()
    manifest, digest = (stored.manifest, stored.manifest_sha256) if stored else read_folder(DEFAULT_MANIFEST.parent)
    row = _row(stored, current) | {"manifest_sha256": digest, "manifest": dict(manifest)}
    if as_json:
        echo_json(row)
        return
    out.print(f"[bold]{run}[/] is complete{' and in service' if row['serves'] else ''}; manifest {digest}")
    out.print_json(data=row["manifest"])


@weights.command()
@_exits
def add(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=f"A {MANIFEST} and the files that it names.")],
    run: Annotated[
        str | None, typer.Option("--run", help="Id of the run. Default: the time, and the model's name.", metavar="ID")
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Store a folder as a run. Runs are immutable; adding one does not promote it.

    The class names in an ONNX file itself must be Nunchi's, in their order.

    Exit status: 0 added, or exists with the same files; 3 exists with other files, 5 the folder is incomplete or
    corrupt, or its network has other classes; 2 the id is invalid, 1 any other error.

    Example: nunchi weights add out/20261122t030405z-yolov5n
    """
    from recipes.kiosk.labels import LABELS  # noqa: PLC0415 - a YOLO in a run is always the kiosk's
    from worker.models.class_names import check_folder  # noqa: PLC0415 - imports ONNX Runtime

    with session_of(local, state) as session:
        try:
            check_folder(folder, LABELS)
        except ValueError as error:
            raise InvalidRun(f"{error}; nothing was added") from None
        added = session.weights.add(folder, check_run_id(run) if run else new_run_id(now(), _name_in(folder)))
    if as_json:
        echo_json(_row(added, CurrentRun(None, None)) | {"manifest_sha256": added.manifest_sha256})
        return
    out.print(f"[green]{added.id} is added[/]: {escape(added.version)}")
    show_command("Next", in_cloud(f"weights promote {added.id}", local, state))


@weights.command()
@_exits
def promote(
    run: RunOrDay0Argument,
    *,
    by: ByOption = "",
    reason: ReasonOption = "promoted by hand",
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Promote a run, after a check of every file. Workers load it within a minute, without losing a photo.

    A worker that finds the run invalid or too slow keeps its model, and gives the reason in its log and its /health.

    Exit status: 0 promoted, 4 the run is unknown, 5 it is incomplete or corrupt, 6 the pointer was moved meanwhile, 2
    the id is invalid, 1 any other error. Unless it is 0, the pointer does not move.

    Example: nunchi weights promote 20261122t030405z-yolov5n --reason "better for elder women"
    """
    with session_of(local, state) as session:
        run_id = None if run == DAY_0 else check_run_id(run)
        pointer = session.weights.promote(run_id, by=by or getpass.getuser(), reason=reason)
    _show_moved(pointer, local, as_json, state)


@weights.command()
@_exits
def rollback(
    by: ByOption = "",
    reason: ReasonOption = "rolled back by hand",
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Put the previous run back into service. A second rollback undoes the first.

    Exit status: 0 rolled back, 5 the previous run is incomplete or corrupt, 6 the pointer was moved meanwhile, 1 any
    other error, such as no previous run. Unless it is 0, the pointer does not move.

    Example: nunchi weights rollback --reason "calls young women old"
    """
    with session_of(local, state) as session:
        pointer = session.weights.rollback(by=by or getpass.getuser(), reason=reason)
    _show_moved(pointer, local, as_json, state)


def _row(run: Run | None, current: CurrentRun) -> dict[str, Any]:
    """A run as JSON fields; None is the model of day 0."""
    return {
        "run": run.id if run else DAY_0,
        "model": run.version if run else None,
        "added_at": to_text(run.added_at) if run else None,
        "serves": current.run == (run.id if run else None),
    }


def _show_moved(pointer: Pointer, local: bool, as_json: bool, state: Path) -> None:
    if as_json:
        typer.echo(pointer.to_json())
        return
    out.print(f"[green]{pointer.run or DAY_0} is in service[/], after {pointer.previous or DAY_0}")
    out.print("Workers load it at their next check; every message names the model.")
    show_command("Back", in_cloud("weights rollback", local, state))


def _show_history(moves: list[Pointer], as_json: bool) -> None:
    if as_json:
        for pointer in moves:
            typer.echo(pointer.to_json())
        return
    table = plain_table("when", "run", "by", "why")
    for pointer in moves:
        table.add_row(
            to_text(pointer.moved_at)[:16], pointer.run or DAY_0, escape(pointer.moved_by), escape(pointer.reason)
        )
    out.print(table if moves else f"The pointer was never moved: {DAY_0} is in service")


def _name_in(folder: Path) -> str:
    """The model's name, for the default id; empty when the manifest is invalid, which `add` reports."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return str(manifest["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
