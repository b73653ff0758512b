"""Dispatch, the second step of a photo in mode `command`: the Lambda between the upload queue and Run Command."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from config.names import INFERENCE_ROLE, ROLE_TAG
from contracts.settings import environment_of
from infra.functions import Function
from infra.nag import acknowledge, acknowledge_wildcards
from infra.pipeline.uploads import HANDLER_TIMEOUT, Uploads
from lambdas.dispatch import DispatchSettings

# The maximum without a batching window; a window would delay a single photo.
_BATCH = 10
# The SSM agent runs five commands at a time: more Lambdas would only move the queue to where no alarm sees it.
_AT_ONCE = 5


class DispatchFunction(Function):
    """Photos announced on the upload queue become commands to the inference instance."""

    def __init__(self, scope: Construct, id: str, *, uploads: Uploads, settings: DispatchSettings) -> None:
        super().__init__(
            scope,
            id,
            name="dispatch",
            description="Nunchi dispatch: S3 events to Run Commands for the inference instance",
            environment=environment_of(settings),
            timeout=HANDLER_TIMEOUT,
            may=_may_send(Stack.of(scope), settings),
        )
        self.function.add_event_source(
            sources.SqsEventSource(
                uploads.queue, batch_size=_BATCH, max_concurrency=_AT_ONCE, report_batch_item_failures=True
            )
        )
        acknowledge_wildcards(
            self.role,
            _instances(Stack.of(self)),
            reason="The instance is replaced at times; a condition admits only those tagged for inference.",
        )
        acknowledge(
            self,
            "LambdaEventSourceMappingDestination",
            reason="Messages that fail go to the dead letters of their queue.",
            pack="Serverless",
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
            resources=[_instances(stack)],
            conditions={"StringEquals": {f"ssm:resourceTag/{ROLE_TAG}": INFERENCE_ROLE}},
        ),
    ]


def _instances(stack: Stack) -> str:
    return stack.format_arn(service="ec2", resource="instance", resource_name="*")
