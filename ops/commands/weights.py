"""`nunchi weights list|show|add|promote|rollback`: which model serves, why, and how to change it back."""

from __future__ import annotations

import getpass
import json
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import now, to_text
from contracts.weights import DAY_0, MANIFEST, Pointer, check_run_id, new_run_id
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import session_of
from registry.errors import InvalidRun, PointerMoved, RunExists, RunUnknown
from registry.weights import CurrentRun, Run, WeightsRegistry

weights = typer.Typer(
    help="See runs of weights, put one into service, and back: on AWS, or with --local in the cloud on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id: nunchi weights list shows them.")]
RunOrDay0Argument = Annotated[
    str, typer.Argument(metavar="RUN", help=f"A run's id, or {DAY_0}: what every worker carries.")
]
ByOption = Annotated[str, typer.Option("--by", help="Who decides; it stands in the pointer.", metavar="NAME")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it stands in the pointer.", metavar="TEXT")]


class Exit(IntEnum):
    """How these commands end when weights are not as they need them."""

    EXISTS = 3
    UNKNOWN = 4
    REFUSED = 5
    MOVED = 6


_EXITS = {RunExists: Exit.EXISTS, RunUnknown: Exit.UNKNOWN, InvalidRun: Exit.REFUSED, PointerMoved: Exit.MOVED}


@weights.command("list")
def list_(
    history: Annotated[bool, typer.Option("--history", help="Who moved the pointer, when and why, instead.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show every run, and which one serves; or every move of the pointer. Exit status: 0, and 1 if unreadable.

    Example: nunchi weights list --json | jq -r 'select(.serves).run'
    """
    with _weights(local, state) as known:
        if history:
            _tell_history(known.history(), as_json)
            return
        current, runs = known.current(), known.runs()
    rows = [_row(None, current), *(_row(run, current) for run in runs)]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    table = _table("run", "model", "added", "")
    for row in rows:
        model = "carried by every worker" if row["model"] is None else row["model"]
        added = (row["added_at"] or "")[:16]
        table.add_row(escape(row["run"]), escape(model), added, "[green]serves[/]" if row["serves"] else "")
    out.print(table)
    if current.run and not any(row["serves"] for row in rows):
        again = escape(in_cloud("weights rollback", local, state))
        out.print(f"[red]the pointer names {current.run}, which is not here[/]; workers serve what they had: {again}")


@weights.command()
def show(
    run: RunArgument, local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE
) -> None:
    """Show a run: what its manifest says, every byte of it checked.

    Exit status: 0 whole, 4 there is no such run, 5 it is not whole, 2 no run can have this id, 1 anything else.

    Example: nunchi weights show 20261122t030405z-yolov5n
    """
    with _weights(local, state) as known:
        checked, current = known.check(check_run_id(run)), known.current()
    row = _row(checked, current) | {"manifest_sha256": checked.manifest_sha256, "manifest": dict(checked.manifest)}
    if as_json:
        typer.echo(json.dumps(row))
        return
    out.print(f"[bold]{run}[/] is whole{' and serves' if row['serves'] else ''}; manifest {checked.manifest_sha256}")
    out.print_json(data=row["manifest"])


@weights.command()
def add(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=f"With a {MANIFEST} and the files beside it.")],
    run: Annotated[
        str | None, typer.Option("--run", help="Its id. Default: the time, and the model's name.", metavar="ID")
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Store a folder as a run. A run never changes, and none serves by being added.

    Exit status: 0 added, or there already with the same bytes; 3 there with other bytes, 5 the folder is no whole run,
    2 no run can have this id, 1 anything else.

    Example: nunchi weights add out/20261122t030405z-yolov5n
    """
    with _weights(local, state) as known:
        added = known.add(folder, check_run_id(run) if run else new_run_id(now(), _name_in(folder)))
    if as_json:
        typer.echo(json.dumps(_row(added, CurrentRun(None, None)) | {"manifest_sha256": added.manifest_sha256}))
        return
    out.print(f"[green]{added.id} is added[/]: {escape(added.version)}")
    out.print(f"[bold]Next[/]\n  {escape(in_cloud(f'weights promote {added.id}', local, state))}")


@weights.command()
def promote(
    run: RunOrDay0Argument,
    *,
    by: ByOption = "",
    reason: ReasonOption = "promoted by hand",
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Put a run into service, every byte of it checked first. Workers follow within a minute, without losing a photo.

    A worker that finds the run wrong or too slow serves on with what it has, and says why in its log and its /health.

    Exit status: 0 promoted, 4 there is no such run, 5 it is not whole, 6 somebody else moved the pointer meanwhile, 2
    no run can have this id, 1 anything else. Other than with 0, the pointer stays.

    Example: nunchi weights promote 20261122t030405z-yolov5n --reason "better for elder women"
    """
    with _weights(local, state) as known:
        chosen = None if run == DAY_0 else check_run_id(run)
        pointer = known.promote(chosen, by=by or getpass.getuser(), reason=reason)
    _tell_moved(pointer, local, as_json, state)


@weights.command()
def rollback(
    by: ByOption = "",
    reason: ReasonOption = "rolled back by hand",
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Put back what served before. Once more undoes it.

    Exit status: 0 rolled back, 5 what served before is not whole any more, 6 somebody else moved the pointer meanwhile,
    1 anything else, such as nothing to go back to. Other than with 0, the pointer stays.

    Example: nunchi weights rollback --reason "calls young women old"
    """
    with _weights(local, state) as known:
        pointer = known.rollback(by=by or getpass.getuser(), reason=reason)
    _tell_moved(pointer, local, as_json, state)


@contextmanager
def _weights(local: bool, state: Path) -> Generator[WeightsRegistry, None, None]:
    """The weights of the local cloud in `state`, or of AWS; exits as the help says when they aren't as they must be."""
    try:
        with session_of(local, state) as place:
            yield WeightsRegistry(place.client("s3"), place.bucket("weights"))
    except (InvalidName, InvalidMessage) as refused:
        raise typer.BadParameter(str(refused)) from None
    except tuple(_EXITS) as wrong:
        err.print(f"[red]nunchi:[/] {escape(str(wrong))}")
        raise typer.Exit(_EXITS[type(wrong)]) from None


def _row(run: Run | None, current: CurrentRun) -> dict[str, Any]:
    """A run as programs get it; None is the model of day 0."""
    return {
        "run": run.id if run else DAY_0,
        "model": run.version if run else None,
        "added_at": to_text(run.added_at) if run else None,
        "serves": current.run == (run.id if run else None),
    }


def _tell_moved(pointer: Pointer, local: bool, as_json: bool, state: Path) -> None:
    if as_json:
        typer.echo(pointer.to_json())
        return
    out.print(f"[green]{pointer.run or DAY_0} is in service[/], after {pointer.previous or DAY_0}")
    out.print(
        "Workers follow at their next look; what they serve stands in every message.\n"
        f"[bold]Back[/]\n  {escape(in_cloud('weights rollback', local, state))}"
    )


def _tell_history(moves: list[Pointer], as_json: bool) -> None:
    if as_json:
        for pointer in moves:
            typer.echo(pointer.to_json())
        return
    table = _table("when", "run", "by", "why")
    for pointer in moves:
        table.add_row(
            to_text(pointer.moved_at)[:16], pointer.run or DAY_0, escape(pointer.moved_by), escape(pointer.reason)
        )
    out.print(table if moves else f"The pointer was never moved: {DAY_0} serves")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _name_in(folder: Path) -> str:
    """The model's name for an id; whether the manifest is one is checked when it is added."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return str(manifest["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
