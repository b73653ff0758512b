"""Step 2 of a photo's way: the upload queue, its dead letters, and the Lambda between it and Run Command."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, IgnoreMode, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.settings import environment_of
from infra.acknowledged import acknowledge
from infra.inference import INFERENCE_ROLE, ROLE_TAG
from lambdas.dispatch import DispatchSettings

ROOT = Path(__file__).resolve().parents[1]

_TIMEOUT = Duration.seconds(20)
_TRIES = 5
# Ten is the most that SQS hands over without a batching window, and a window makes a lone photo wait.
_BATCH = 10
# The SSM agent runs five commands at a time: more Lambdas would only move the queue to where nothing watches it.
_AT_ONCE = 5


class Dispatch(Construct):
    """Photos announced on `uploads` become commands to the inference instance; what fails for good is in `dead`."""

    def __init__(self, scope: Construct, id: str, *, settings: DispatchSettings) -> None:
        super().__init__(scope, id)
        self.dead = sqs.Queue(
            self,
            "Dead",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.uploads = sqs.Queue(
            self,
            "Uploads",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # AWS's own rule for a Lambda's queue: room for the retries of a throttled function.
            visibility_timeout=Duration.seconds(6 * _TIMEOUT.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=_TRIES),
            removal_policy=RemovalPolicy.RETAIN,
        )
        log = logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Nunchi dispatch: read the upload queue, send one document to inference instances",
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description="Nunchi: S3 events to Run Commands",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="lambdas.dispatch.handler",
            code=_code("dispatch"),
            environment=environment_of(settings),
            memory_size=512,
            timeout=_TIMEOUT,
            role=role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        self.function.add_event_source(
            sources.SqsEventSource(
                self.uploads, batch_size=_BATCH, max_concurrency=_AT_ONCE, report_batch_item_failures=True
            )
        )
        log.grant_write(role)
        for statement in _may_send(Stack.of(self), settings):
            role.add_to_policy(statement)
        acknowledge(
            role,
            "IAM5[Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*]",
            reason="The instance is replaced now and then; a condition admits only those tagged for inference.",
        )


def _may_send(stack: Stack, settings: DispatchSettings) -> list[iam.PolicyStatement]:
    """Read one parameter, send one document, to tagged instances only."""
    return [
        iam.PolicyStatement(
            actions=["ssm:GetParameter"],
            resources=[
                stack.format_arn(
                    service="ssm", resource="parameter", resource_name=settings.instance_parameter.removeprefix("/")
                )
            ],
        ),
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[stack.format_arn(service="ssm", resource="document", resource_name=settings.document)],
        ),
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[stack.format_arn(service="ec2", resource="instance", resource_name="*")],
            conditions={"StringEquals": {f"ssm:resourceTag/{ROLE_TAG}": INFERENCE_ROLE}},
        ),
    ]


def _code(name: str) -> lambda_.Code:
    """A zip of the contracts and one function's file. Its patterns are .gitignore's, which GLOB mode would not read."""
    return lambda_.Code.from_asset(
        str(ROOT),
        ignore_mode=IgnoreMode.GIT,
        exclude=[
            "/*",
            "!/contracts/",
            "!/lambdas/",
            "/lambdas/*",
            "!/lambdas/__init__.py",
            f"!/lambdas/{name}.py",
            "__pycache__/",
        ],
    )
