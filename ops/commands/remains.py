"""`nunchi remains`: resources that outlive `cdk destroy`, and devices to remove before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from config.names import BUDGET_STACK, COMPUTE_STACK, HEALTH_STACK, PIPELINE_STACK, TRAINING_STACK
from config.nunchi_toml import load
from contracts.errors import NunchiError
from fleet.kiosks import ROLE, Kiosks
from local.state import StateDir
from ops.aws import aws_errors, clients, deployed_stack
from ops.display import echo_json, out, show_command
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

STACKS: Final = (
    BUDGET_STACK,
    HEALTH_STACK,
    COMPUTE_STACK,
    TRAINING_STACK,
    PIPELINE_STACK,
)  # in the order of `cdk destroy`
_RETAINED: Final = ("Retain", "RetainExceptOnCreate")
_KINDS: Final = {
    "AWS::S3::Bucket": ("bucket", "aws s3 rb --force s3://{0}"),
    "AWS::DynamoDB::Table": ("table", "aws dynamodb delete-table --table-name {0}"),
    "AWS::SQS::Queue": ("queue", "aws sqs delete-queue --queue-url {0}"),
    "AWS::KMS::Key": ("key", "aws kms schedule-key-deletion --key-id {0}"),
    "AWS::Logs::LogGroup": ("log", "aws logs delete-log-group --log-group-name {0}"),
}


@dataclass(frozen=True, slots=True)
class Remainder:
    """A resource that outlives its stack. `remove` is the command that deletes it with its content."""

    kind: str
    name: str
    part: str
    remove: str


def remainders(template: Mapping[str, Any], physical: Mapping[str, str]) -> list[Remainder]:
    """The retained resources of a deployed stack. `physical`: names by logical id."""
    retained = []
    for logical, resource in template["Resources"].items():
        if resource.get("DeletionPolicy") not in _RETAINED or logical not in physical:
            continue
        kind, remove = _KINDS.get(resource["Type"], (resource["Type"], "remove it in the console"))
        command = remove.format(physical[logical])
        if "VersioningConfiguration" in resource.get("Properties", {}):
            command += "  # delete its old versions first: empty it in the console"
        retained.append(Remainder(kind, physical[logical], logical, command))
    return sorted(retained, key=lambda remainder: (remainder.kind, remainder.name))


def remains(local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """List what stays after `cdk destroy`, how to remove it, and which devices to remove first. Changes nothing.

    Exit status: 0, or 1 when nothing is deployed or it can't be read.

    Example: nunchi remains --json | jq -r '.remains[].name'
    """
    if local:
        kiosks, workers, retained = _inspect(StateDir(state).read().client)
    else:
        region = load().region
        with aws_errors(region):
            kiosks, workers, retained = _inspect(clients(region))
    if as_json:
        echo_json({"kiosks": kiosks, "workers": workers, "remains": [asdict(remainder) for remainder in retained]})
        return
    if kiosks:
        list_all = escape(in_cloud("kiosk list --json", local, state))
        remove_one = escape(in_cloud("kiosk remove --yes", local, state))
        out.print(
            f"[yellow]First[/] the kiosks, {len(kiosks)}: their policy can't be deleted while a certificate has it.\n"
            f"  {list_all} | jq -r .kiosk | xargs -n 1 {remove_one}"
        )
    if workers:
        out.print(
            f"[yellow]First[/] the workers, {len(workers)}: their certificates go a minute after their instances.\n"
            f"  cdk destroy {BUDGET_STACK} {HEALTH_STACK} {COMPUTE_STACK} {TRAINING_STACK}"
        )
    out.print("[bold]Stays after cdk destroy[/], with the command that deletes it and its content")
    for remainder in retained:  # no table: it would break long names, which are to be copied
        out.print(f"  {remainder.kind:8}{escape(remainder.name)}\n          [dim]{escape(remainder.remove)}[/]")
    if not kiosks and not workers:
        show_command("Next", "cdk destroy --all")


def _inspect(client: Callable[[str], Any]) -> tuple[list[str], list[str], list[Remainder]]:
    """Names of kiosks and workers, and the retained resources."""
    retained = list(_of_stacks(client("cloudformation")))
    iot = client("iot")
    workers = [
        thing["thingName"]
        for page in iot.get_paginator("list_things").paginate(attributeName=ROLE, attributeValue="worker")
        for thing in page["things"]
    ]
    return [kiosk.name for kiosk in Kiosks(iot, policy="").all()], workers, retained


def _of_stacks(cloudformation: CloudFormationClient) -> Iterator[Remainder]:
    deployed = [stack for stack in STACKS if deployed_stack(cloudformation, stack)]
    if not deployed:
        raise NunchiError(f"none of {', '.join(STACKS)} is deployed here: there is nothing to destroy")
    for stack in deployed:
        template = cloudformation.get_template(StackName=stack)["TemplateBody"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        physical = {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
            for page in pages
            for resource in page["StackResourceSummaries"]
        }
        yield from remainders(template, physical)
