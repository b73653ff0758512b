"""Resources whose names the stacks give, that are there although no stack of Nunchi has them: "already exists"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from config import names

_ABSENT: Final = frozenset(
    {
        "ResourceNotFoundException",
        "InvalidDocument",
        "ParameterNotFound",
        "StateMachineDoesNotExist",
        "InvalidLaunchTemplateName.NotFoundException",
    }
)
_LOGS: Final[Mapping[str, str]] = {
    names.WORKER_LOG: names.COMPUTE_STACK,
    names.METRICS_LOG: names.COMPUTE_STACK,
    names.TRAINING_LOG: names.COMPUTE_STACK,
    names.STATE_MACHINE_LOG: names.TRAINING_STACK,
}


def names_left(
    client: Callable[[str], Any], without: set[str], *, account: str, region: str
) -> Iterator[tuple[str, str]]:
    """The name of each resource that is left, and the command that deletes it. `without`: stacks not deployed."""
    for log, stack in _LOGS.items():
        groups = client("logs").describe_log_groups(logGroupNamePrefix=log)["logGroups"] if stack in without else []
        if any(group["logGroupName"] == log for group in groups):
            yield f"log {log}", f"aws logs delete-log-group --log-group-name {log}"
    if names.COMPUTE_STACK in without:
        yield from _of_compute(client)
    if names.TRAINING_STACK in without:
        machine = f"arn:aws:states:{region}:{account}:stateMachine:{names.STATE_MACHINE}"
        if _exists(client("stepfunctions").describe_state_machine, stateMachineArn=machine):
            yield (
                f"state machine {names.STATE_MACHINE}",
                f"aws stepfunctions delete-state-machine --state-machine-arn {machine}",
            )


def _of_compute(client: Callable[[str], Any]) -> Iterator[tuple[str, str]]:
    if _exists(client("scheduler").get_schedule_group, Name=names.SCHEDULE_GROUP):
        yield (
            f"schedule group {names.SCHEDULE_GROUP}",
            f"aws scheduler delete-schedule-group --name {names.SCHEDULE_GROUP}",
        )
    for document in (names.INFER_DOCUMENT, names.TRAIN_DOCUMENT):
        if _exists(client("ssm").describe_document, Name=document):
            yield f"document {document}", f"aws ssm delete-document --name {document}"
    if _exists(client("ssm").get_parameter, Name=names.INSTANCE_PARAMETER):
        yield f"parameter {names.INSTANCE_PARAMETER}", f"aws ssm delete-parameter --name {names.INSTANCE_PARAMETER}"
    if _exists(client("ec2").describe_launch_templates, LaunchTemplateNames=[names.LAUNCH_TEMPLATE]):
        template = f"aws ec2 delete-launch-template --launch-template-name {names.LAUNCH_TEMPLATE}"
        yield f"launch template {names.LAUNCH_TEMPLATE}", template
    if _exists(client("iot").describe_role_alias, roleAlias=names.KIOSK_ROLE_ALIAS):
        alias = f"aws iot delete-role-alias --role-alias {names.KIOSK_ROLE_ALIAS}"
        yield f"role alias {names.KIOSK_ROLE_ALIAS}", alias


def _exists(describe: Callable[..., Any], **parameters: Any) -> bool:
    try:
        describe(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return False
        raise
    return True
