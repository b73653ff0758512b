"""A Lambda function of ours: a zip of one file and the contracts, a role of its own, a log with an expiry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from config.nunchi_toml import ROOT
from infra.logs import log_group
from infra.nag import acknowledge, acknowledge_wildcards
from infra.roles import ScheduleRole
from infra.statements import allow


class Function(Construct):
    """The function of `lambdas/<name>.py`. `may`: what its role is allowed, beyond writing its own log.

    `wildcards` gives the reason for each allowed ARN with a `*`. `dead_letters` keeps failed events of a function that
    AWS invokes asynchronously.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        description: str,
        environment: Mapping[str, str],
        timeout: Duration,
        may: list[iam.PolicyStatement],
        wildcards: Mapping[str, str],
        dead_letters: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self.dead = dead_letter_queue(self, "Dead", of=f"events for {name}") if dead_letters else None
        self.log = log_group(self, "Log")
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=description
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler",
            code=_code(name),
            environment=dict(environment),
            memory_size=512,
            timeout=timeout,
            role=self.role,
            log_group=self.log,
            logging_format=lambda_.LoggingFormat.JSON,
            dead_letter_queue=self.dead,
        )
        self.log.grant_write(self.role)
        for statement in may:
            self.role.add_to_policy(statement)
        for arn, reason in wildcards.items():
            acknowledge_wildcards(self.role, arn, reason=reason)
        no_trace = "Each message carries the times of its photo's steps, which are metrics too: a trace adds nothing."
        acknowledge(self, "LambdaTracing", reason=no_trace, pack="Serverless")
        if not dead_letters:
            kept = "Its caller waits for the answer, or keeps what failed: it is never invoked asynchronously."
            acknowledge(self, "LambdaDLQ", reason=kept, pack="Serverless")


def invoke_on_schedules(
    scope: Construct,
    role_id: str,
    function: Function,
    schedules: Iterable[tuple[str, str, scheduler.ScheduleExpression, Mapping[str, Any]]],
    *,
    description: str,
    max_age: Duration,
) -> None:
    """Invoke a function, which has dead letters, by schedules: the id, description, expression and input of each.

    `role_id` and `description` are those of the schedules' role. An invocation is tried again up to `max_age`.
    """
    assert function.dead is not None  # noqa: S101 - its caller requested it
    may = allow("lambda:InvokeFunction", on=function.function.function_arn)
    role = ScheduleRole(scope, role_id, description=description, may=may, dead_letters=function.dead)
    for id, what, expression, event in schedules:
        scheduler.Schedule(
            scope,
            id,
            description=what,
            schedule=expression,
            target=targets.LambdaInvoke(
                function.function,
                input=scheduler.ScheduleTargetInput.from_object(dict(event)),
                # Unchanged: the target's own grant would also allow every version of the function.
                role=role.without_policy_updates(),
                dead_letter_queue=function.dead,
                retry_attempts=3,
                max_event_age=max_age,
            ),
        )


def dead_letter_queue(scope: Construct, id: str, *, of: str, **options: Any) -> sqs.Queue:
    """A queue of events that failed every retry, with the longest retention of SQS. `of`: whose events."""
    defaults = {"encryption": sqs.QueueEncryption.SQS_MANAGED, "removal_policy": RemovalPolicy.DESTROY}
    queue = sqs.Queue(scope, id, enforce_ssl=True, retention_period=Duration.days(14), **defaults | options)
    reason = f"It is the dead-letter queue itself, of {of}; an alarm observes it."
    acknowledge(queue, "SQS3", reason=reason)
    acknowledge(queue, "SQSRedrivePolicy", reason=reason, pack="Serverless")
    return queue


def _code(name: str) -> lambda_.Code:
    """A zip of the contracts and one function's file; the patterns are those of .gitignore, hence the mode."""
    file = f"!/lambdas/{name}.py"
    patterns = ["/*", "!/contracts/", "!/lambdas/", "/lambdas/*", "!/lambdas/__init__.py", file, "__pycache__/"]
    return lambda_.Code.from_asset(str(ROOT), ignore_mode=IgnoreMode.GIT, exclude=patterns)
