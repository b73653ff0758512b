"""`nunchi preflight`: what AWS would refuse, asked before the first deployment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Final

import boto3
import typer
from botocore.exceptions import BotoCoreError

from config.nunchi_toml import load
from ops.aws import SHORT_TIMEOUTS, remedy
from ops.commands.config import opening
from ops.commands.doctor import DoctorExit, Report
from ops.display import out, show_command
from ops.doctor import checks as doctors
from ops.doctor.examination import Check, Deployment, Finding, State, examine, status_of, unseen, well
from ops.options import JsonOption
from ops.preflight import checks

_CHECKS: Final[Mapping[str, Check]] = {
    "shell": doctors.region,
    "region": checks.region_enabled,
    "cdk": checks.tools,
    "bootstrap": checks.bootstrap,
    "stacks": checks.stacks,
    "names": checks.left,
    "plan": checks.plan,
    "zones": checks.zones,
    "quota": checks.inference_quota,
    "training quota": checks.training_quota,
    "budget": checks.budget,
}
# APIs of all regions that answer in one.
_GLOBAL: Final = {"freetier": "us-east-1", "budgets": "us-east-1"}


def preflight(as_json: JsonOption = False) -> None:
    """Ask AWS, before `cdk deploy`, what it would refuse: one line each, with the remedy. Changes nothing.

    Reads the region and the types of nunchi.toml, with the credentials of your shell.
    Exit status: 0 nothing is refused, 1 something is, 2 the checks could not run.

    Example: nunchi preflight && cdk deploy --all
    """
    report = Report(as_json)
    config = load()
    report(Finding("settings", *well(f"mode {config.mode}, {opening(config)}; {config.hours.zone}")))
    try:
        deployment = Deployment(_clients(config.region), config=config, shell_region=boto3.Session().region_name)
    except BotoCoreError as error:  # such as an unknown profile
        report(Finding("credentials", *unseen(error, remedy(error, ""))))
        raise typer.Exit(DoctorExit.CANT_CHECK) from None
    report.require_credentials(deployment)
    for finding in examine(deployment, _CHECKS):
        report(finding)
    if not as_json:
        _conclude(report.findings)
    raise typer.Exit(DoctorExit(status_of(report.findings)))


def _conclude(findings: list[Finding]) -> None:
    refused = [finding.check for finding in findings if finding.state is State.ILL]
    unknown = [finding.check for finding in findings if finding.state is State.UNSEEN]
    out.print()
    if refused:
        out.print(f"[red]AWS would refuse: {', '.join(refused)}[/]. First the commands above, then this again")
        return
    if unknown:
        out.print(f"[yellow]Could not ask about {', '.join(unknown)}[/]; nothing else is refused")
    show_command("Next", "cdk deploy --all")


def _clients(region: str) -> Any:
    session = boto3.Session(region_name=region)

    @cache
    def create(service: str) -> Any:
        client: Any = partial(session.client, config=SHORT_TIMEOUTS)
        return client(service, region_name=_GLOBAL.get(service, region))

    return create
