"""`nunchi doctor`: health checks of a deployment or of the local cloud, each with a remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import boto3
import typer
from botocore.exceptions import BotoCoreError
from rich.markup import escape

from config.nunchi_toml import Config, load
from contracts.errors import NunchiError, SettingsError
from local.aws.clients import client
from local.state import StateDir
from ops.aws import aws_errors, clients, remedy
from ops.commands.config import opening
from ops.display import echo_json, out
from ops.doctor import checks, photos
from ops.doctor.examination import Check, Deployment, Finding, State, examine, ill, status_of, unseen, well
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption

_MARKS: Final = {
    State.WELL: "[green]✓[/]",
    State.ATTENTION: "[yellow]![/]",
    State.ILL: "[red]✗[/]",
    State.UNSEEN: "[yellow]?[/]",
}
# Every other check needs these two.
_FIRST: Final[Mapping[str, Check]] = {"clock": checks.clock, "credentials": checks.credentials}
_CHECKS: Final[Mapping[str, Check]] = {
    "region": checks.region,
    "stacks": checks.stacks,
    "compute": checks.compute,
    "agent": checks.agent,
    "worker": checks.worker,
    "model": checks.model,
    "screen": checks.screen,
    "queue": checks.queue,
    "dead letters": checks.dead_letters,
    "uploads": photos.uploads,
    "wrong keys": photos.foreign,
    "last label": photos.last_label,
    "certificates": checks.certificate_ages,
    "alarms": checks.alarms,
    "schedules": checks.schedules,
    "mail": checks.mail,
}
_ON_AWS_ONLY: Final = frozenset({"region", "agent", "alarms", "schedules", "mail"})
_LOCAL_ONLY: Final = frozenset({"screen"})


class DoctorExit(IntEnum):
    """The exit status."""

    WELL = 0
    ILL = 1
    CANT_CHECK = 2


def doctor(
    local: LocalOption = False,
    letters: Annotated[
        bool,
        typer.Option("--letters", help="Show messages among the dead letters instead; they stay there."),
    ] = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Check everything that must work, one line each, with a remedy for what does not.

    Reads AWS in the region of nunchi.toml, with the credentials of your shell; changes nothing.
    Exit status: 0 no check failed, 1 one failed, 2 the checks could not run.

    Example: nunchi doctor --json | jq -r 'select(.state == "ill") | .remedy'
    """
    report = Report(as_json)
    deployment = _deployment(local, state)
    if isinstance(deployment, Finding):
        report(deployment)
        raise typer.Exit(DoctorExit.CANT_CHECK)
    if letters:
        with aws_errors(deployment.config.region):
            _show_letters(deployment, as_json)
        return
    if not local:
        config = deployment.config
        report(Finding("settings", *well(f"mode {config.mode}, {opening(config)}; {config.hours.zone}")))
        report.require_credentials(deployment, "The cloud on this machine: nunchi doctor --local")
    selected = {name: check for name, check in _CHECKS.items() if name not in (_ON_AWS_ONLY if local else _LOCAL_ONLY)}
    for finding in examine(deployment, selected):
        report(finding)
    if not as_json:
        out.print(f"\n{_summary(report.findings)}")
    raise typer.Exit(DoctorExit(status_of(report.findings)))


@dataclass(frozen=True, slots=True)
class Report:
    """Prints findings as they come, for people or as JSON, and keeps them."""

    as_json: bool
    findings: list[Finding] = field(default_factory=list)

    def __call__(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.as_json:
            typer.echo(json.dumps(finding.fields()))
        else:
            show(finding)

    def require_credentials(self, deployment: Deployment, otherwise: str = "") -> None:
        """Check the clock and the credentials, which every other check needs; without them the command ends here."""
        for finding in examine(deployment, _FIRST):
            self(finding)
        if self.findings[-1].state is State.UNSEEN:  # no credentials, or invalid ones
            if not self.as_json:
                out.print(f"\nNo other check can run without credentials. {otherwise}".rstrip())
            raise typer.Exit(DoctorExit.CANT_CHECK)


def _show_letters(deployment: Deployment, as_json: bool) -> None:
    messages = list(checks.dead_messages(deployment))
    for message in messages:
        if as_json:
            echo_json(message)
        else:
            out.print(f"[bold]{message['queue']}[/] {message['message']}\n  {escape(message['body'])}")
    if not messages and not as_json:
        out.print("No message is among the dead letters")


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


def _deployment(local: bool, state: Path) -> Deployment | Finding:
    """The local cloud in `state`, or AWS; or a finding that it can't be checked."""
    try:
        if local:
            return _local(StateDir(state))
        config = load()
        return Deployment(clients(config.region), config=config, shell_region=boto3.Session().region_name)
    except SettingsError as error:
        return Finding("settings", *ill(str(error), "nunchi config check"))
    except NunchiError as error:
        return Finding("cloud", *ill(str(error)))
    except BotoCoreError as error:  # such as an unknown profile
        return Finding("credentials", *unseen(error, remedy(error, "")))


def _local(folder: StateDir) -> Deployment:
    record = folder.read()

    @cache
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
        screen=record.screen.url if record.screen else None,
    )
