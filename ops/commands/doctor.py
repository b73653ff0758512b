"""`nunchi doctor`: health checks of a deployment or of the local cloud, each with a remedy."""

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
from local.aws.clients import client
from local.state import StateDir
from ops.aws import SHORT_TIMEOUTS, remedy
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
# Every other check needs these two.
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


class DoctorExit(IntEnum):
    """The exit status."""

    WELL = 0
    ILL = 1
    CANT_CHECK = 2


def doctor(local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """Check everything that must work, one line each, with a remedy for what does not.

    Reads AWS in the region of nunchi.toml, with the credentials of your shell; changes nothing.
    Exit status: 0 no check failed, 1 one failed, 2 the checks could not run.

    Example: nunchi doctor --json | jq -r 'select(.state == "ill") | .remedy'
    """
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        if as_json:
            typer.echo(json.dumps(finding.fields()))
        else:
            show(finding)

    try:
        deployment = _local(StateDir(state)) if local else _on_aws(load())
    except SettingsError as error:
        report(Finding("settings", State.ILL, str(error), "nunchi config check"))
        raise typer.Exit(DoctorExit.CANT_CHECK) from None
    except NunchiError as error:
        report(Finding("cloud", State.ILL, str(error)))
        raise typer.Exit(DoctorExit.CANT_CHECK) from None
    except BotoCoreError as error:  # such as an unknown profile
        report(Finding("credentials", State.UNSEEN, f"can't check: {error}", remedy(error, "")))
        raise typer.Exit(DoctorExit.CANT_CHECK) from None
    if not local:
        hours = deployment.config.hours
        report(
            Finding(
                "settings", State.WELL, f"mode {deployment.config.mode}, {opening(deployment.config)}; {hours.zone}"
            )
        )
        for finding in examine(deployment, _FIRST):
            report(finding)
        if findings[-1].state is State.UNSEEN:  # no credentials, or invalid ones
            if not as_json:
                out.print("\nNo other check can run without credentials")
            raise typer.Exit(DoctorExit.CANT_CHECK)
    for finding in examine(deployment, _BOTH if local else _ON_AWS):
        report(finding)
    if not as_json:
        out.print(f"\n{_summary(findings)}")
    raise typer.Exit(DoctorExit(status_of(findings)))


def show(finding: Finding) -> None:
    """Print a finding as one line, and its remedy as another."""
    out.print(f"{_MARKS[finding.state]} [bold]{finding.check:13}[/]{escape(finding.text)}")
    if finding.remedy:
        out.print(f"  {'':13}[cyan]→[/] {escape(finding.remedy)}")


def _summary(findings: list[Finding]) -> str:
    ill = [finding.check for finding in findings if finding.state is State.ILL]
    unseen = [finding.check for finding in findings if finding.state is State.UNSEEN]
    failed = f"[red]Failed: {', '.join(ill)}[/]" if ill else "[green]No check failed[/]"
    return f"{failed}; could not check {', '.join(unseen)}" if unseen else failed


def _on_aws(config: Config) -> Deployment:
    session = boto3.Session()
    create: Callable[..., Any] = session.client  # its types know a service by a literal name only
    return Deployment(
        lambda service: create(service, region_name=config.region, config=SHORT_TIMEOUTS),
        config=config,
        shell_region=session.region_name,
    )


def _local(folder: StateDir) -> Deployment:
    record = folder.read()

    def local_client(service: str) -> Any:
        endpoint = record.endpoints.get(service, record.endpoints["iot"])  # one server serves all but SSM and EC2
        return client(service, endpoint=endpoint, region=record.region)

    return Deployment(
        local_client,
        config=Config(region=record.region, mode=record.mode),
        local=True,
        sockets={worker.instance: worker.socket for worker in record.workers},
        nunchi=folder.command,
        logs=folder.logs,
    )
