"""`nunchi doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final

import boto3
import typer
from botocore.exceptions import BotoCoreError
from rich.markup import escape

from config.nunchi_toml import Config, load
from contracts.errors import NunchiError, SettingsError
from local.clients import client
from local.state import StateDir
from ops.aws import PATIENCE, remedy
from ops.commands.config import opening
from ops.display import out
from ops.doctor import checks, photos
from ops.doctor.examination import Check, Deployment, Finding, State, examine, status_of
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption

_MARKS: Final = {
    State.WELL: "[green]✓[/]",
    State.ATTENTION: "[yellow]![/]",
    State.ILL: "[red]✗[/]",
    State.UNSEEN: "[yellow]?[/]",
}
# Without this one nobody answers anything.
_FIRST: Final[Mapping[str, Check]] = {"clock": checks.clock, "credentials": checks.credentials}
_BOTH: Final[Mapping[str, Check]] = {
    "stacks": checks.stacks,
    "compute": checks.compute,
    "worker": checks.worker,
    "model": checks.model,
    "queue": checks.queue,
    "dead letters": checks.dead_letters,
    "uploads": photos.uploads,
    "last label": photos.last_label,
    "certificates": checks.certificate_ages,
}
_ON_AWS: Final[Mapping[str, Check]] = {
    "region": checks.region,
    **{name: _BOTH[name] for name in ("stacks", "compute")},
    "agent": checks.agent,
    **{name: check for name, check in _BOTH.items() if name not in ("stacks", "compute")},
    "alarms": checks.alarms,
    "schedules": checks.schedules,
    "mail": checks.mail,
}


class Exit(IntEnum):
    """How it ends."""

    WELL = 0
    ILL = 1
    CANT_LOOK = 2


def doctor(local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """Look at everything that must work, one line each, and say what to do about what doesn't.

    Looks at AWS in the region of nunchi.toml, with the credentials of your shell; changes nothing.
    Exit status: 0 nothing is ill, 1 something is, 2 it can't look at all.

    Example: nunchi doctor --json | jq -r 'select(.state == "ill") | .remedy'
    """
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if as_json:
            typer.echo(json.dumps(finding.fields()))
        else:
            show(finding)

    try:
        patient = _here(StateDir(state)) if local else _on_aws(load())
    except SettingsError as error:
        tell(Finding("settings", State.ILL, str(error), "nunchi config check"))
        raise typer.Exit(Exit.CANT_LOOK) from None
    except NunchiError as error:
        tell(Finding("cloud", State.ILL, str(error)))
        raise typer.Exit(Exit.CANT_LOOK) from None
    except BotoCoreError as error:  # such as a profile that there is not
        tell(Finding("credentials", State.UNSEEN, f"can't look: {error}", remedy(error, "")))
        raise typer.Exit(Exit.CANT_LOOK) from None
    if not local:
        hours = patient.config.hours
        tell(Finding("settings", State.WELL, f"mode {patient.config.mode}, {opening(patient.config)}; {hours.zone}"))
        for finding in examine(patient, _FIRST):
            tell(finding)
        if findings[-1].state is State.UNSEEN:  # no credentials, or none that AWS knows
            if not as_json:
                out.print("\nNothing else can be looked at")
            raise typer.Exit(Exit.CANT_LOOK)
    for finding in examine(patient, _BOTH if local else _ON_AWS):
        tell(finding)
    if not as_json:
        out.print(f"\n{_sum(findings)}")
    raise typer.Exit(Exit(status_of(findings)))


def show(finding: Finding) -> None:
    """One line for a finding, and one for its remedy."""
    out.print(f"{_MARKS[finding.state]} [bold]{finding.check:13}[/]{escape(finding.text)}")
    if finding.remedy:
        out.print(f"  {'':13}[cyan]→[/] {escape(finding.remedy)}")


def _sum(findings: list[Finding]) -> str:
    ill = [one.check for one in findings if one.state is State.ILL]
    unseen = [one.check for one in findings if one.state is State.UNSEEN]
    told = f"[red]Ill: {', '.join(ill)}[/]" if ill else "[green]Nothing is ill[/]"
    return f"{told}; could not look at {', '.join(unseen)}" if unseen else told


def _on_aws(config: Config) -> Deployment:
    session = boto3.Session()
    make: Callable[..., Any] = session.client  # its types know a service by a literal name only
    return Deployment(
        lambda service: make(service, region_name=config.region, config=PATIENCE),
        config=config,
        shell_region=session.region_name,
    )


def _here(folder: StateDir) -> Deployment:
    record = folder.read()

    def here(service: str) -> Any:
        endpoint = record.endpoints.get(service, record.endpoints["iot"])  # one server answers for all but SSM and EC2
        return client(service, endpoint=endpoint, region=record.region)

    return Deployment(
        here,
        config=Config(region=record.region, mode=record.mode),
        local=True,
        sockets={one.instance: one.socket for one in record.workers},
        nunchi=folder.command,
        logs=folder.logs,
    )
