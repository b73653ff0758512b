"""`nunchi remains`: what `cdk destroy` leaves behind, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.markup import escape

from config.names import STACKS
from config.nunchi_toml import load
from contracts.errors import NunchiError
from fleet.kiosks import Kiosks
from local.state import StateDir
from ops.aws import asking, clients
from ops.display import out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_STACKS: Final = tuple(reversed(STACKS))  # in the order of their deletion
_KINDS: Final = {
    "AWS::S3::Bucket": ("bucket", "aws s3 rb --force s3://{0}"),
    "AWS::SQS::Queue": ("queue", "aws sqs delete-queue --queue-url {0}"),
    "AWS::KMS::Key": ("key", "aws kms schedule-key-deletion --key-id {0}"),
    "AWS::Logs::LogGroup": ("log", "aws logs delete-log-group --log-group-name {0}"),
}


@dataclass(frozen=True, slots=True)
class Remainder:
    """Something that outlives its stack. `remove` is the command that ends it, with what it holds."""

    kind: str
    name: str
    part: str
    remove: str


def remainders(template: Mapping[str, Any], physical: Mapping[str, str]) -> list[Remainder]:
    """What of a deployed stack is retained. `physical`: names by logical id."""
    found = []
    for logical, resource in template["Resources"].items():
        if resource.get("DeletionPolicy") != "Retain" or logical not in physical:
            continue
        kind, remove = _KINDS.get(resource["Type"], (resource["Type"], "remove it in the console"))
        command = remove.format(physical[logical])
        if "VersioningConfiguration" in resource.get("Properties", {}):
            command += "  # once its old versions are gone: empty it in the console"
        found.append(Remainder(kind, physical[logical], logical, command))
    return sorted(found, key=lambda one: (one.kind, one.name))


def remains(local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """Say what stays after `cdk destroy`, how to remove that too, and which devices have to go first. Changes nothing.

    Exit status: 0, and 1 when nothing is deployed or it can't be read.

    Example: nunchi remains --json | jq -r '.remains[].name'
    """
    if local:
        kiosks, workers, left = _seen_by(StateDir(state).read().client)
    else:
        region = load().region
        with asking(region):
            kiosks, workers, left = _seen_by(clients(region))
    if as_json:
        typer.echo(json.dumps({"kiosks": kiosks, "workers": workers, "remains": [asdict(one) for one in left]}))
        return
    if kiosks:
        list_all = escape(in_cloud("kiosk list --json", local, state))
        remove_one = escape(in_cloud("kiosk remove --yes", local, state))
        out.print(
            f"[yellow]First[/] the kiosks, {len(kiosks)}: their policy can't go while a certificate is under it.\n"
            f"  {list_all} | jq -r .kiosk | xargs -n 1 {remove_one}"
        )
    if workers:
        out.print(
            f"[yellow]First[/] the workers, {len(workers)}: their certificates go a minute after their instances.\n"
            f"  cdk destroy {' '.join(_STACKS[:-1])}"
        )
    out.print("[bold]Stays after cdk destroy[/], with the command that removes it for good, and all that it holds")
    for one in left:  # no table: names as long as these would break, and could not be copied
        out.print(f"  {one.kind:8}{escape(one.name)}\n          [dim]{escape(one.remove)}[/]")
    if not kiosks and not workers:
        out.print("[bold]Next[/]\n  cdk destroy --all")


def _seen_by(client: Callable[[str], Any]) -> tuple[list[str], list[str], list[Remainder]]:
    """The kiosks, the workers, and what is retained."""
    left = list(_of_stacks(client("cloudformation")))
    iot = client("iot")
    workers = [
        one["thingName"]
        for page in iot.get_paginator("list_things").paginate(attributeName="nunchi-role", attributeValue="worker")
        for one in page["things"]
    ]
    return [one.name for one in Kiosks(iot, policy="").all()], workers, left


def _of_stacks(cloudformation: CloudFormationClient) -> Iterator[Remainder]:
    deployed = 0
    for stack in _STACKS:
        try:
            template = cloudformation.get_template(StackName=stack)["TemplateBody"]
        except cloudformation.exceptions.ClientError as error:
            if "does not exist" in str(error):
                continue
            raise
        deployed += 1
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        physical = {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
            for page in pages
            for one in page["StackResourceSummaries"]
        }
        yield from remainders(template, physical)
    if not deployed:
        raise NunchiError(f"none of {', '.join(STACKS)} is deployed here: nothing to destroy, nothing remains")
