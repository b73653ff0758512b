"""Dispatch, the second step of a photo in mode `command`: the Lambda between the upload queue and Run Command."""

from __future__ import annotations

from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from config.names import INFERENCE_ROLE, ROLE_TAG
from contracts.settings import environment_of
from infra.functions import Function
from infra.nag import acknowledge
from infra.pipeline.uploads import HANDLER_TIMEOUT, Uploads
from infra.statements import allow, arn_of
from lambdas.dispatch import DispatchSettings

# The maximum without a batching window; a window would delay a single photo.
_BATCH = 10
# The SSM agent runs five commands at a time: more Lambdas would only move the queue to where no alarm sees it.
_AT_ONCE = 5


class DispatchFunction(Function):
    """Photos announced on the upload queue become commands to the inference instance."""

    def __init__(self, scope: Construct, id: str, *, uploads: Uploads, settings: DispatchSettings) -> None:
        machines = arn_of(scope, "ec2", "instance", "*")
        tagged = {"StringEquals": {f"ssm:resourceTag/{ROLE_TAG}": INFERENCE_ROLE}}
        super().__init__(
            scope,
            id,
            name="dispatch",
            description="Nunchi dispatch: S3 events to Run Commands for the inference instance",
            environment=environment_of(settings),
            timeout=HANDLER_TIMEOUT,
            may=[
                allow("ssm:GetParameter", on=arn_of(scope, "ssm", "parameter", settings.instance_parameter)),
                allow("ssm:SendCommand", on=arn_of(scope, "ssm", "document", settings.document)),
                allow("ssm:SendCommand", on=machines, when=tagged),
            ],
            wildcards={
                machines: "The instance is replaced at times; a condition admits only those tagged for inference."
            },
        )
        self.function.add_event_source(
            sources.SqsEventSource(
                uploads.queue, batch_size=_BATCH, max_concurrency=_AT_ONCE, report_batch_item_failures=True
            )
        )
        acknowledge(
            self,
            "LambdaEventSourceMappingDestination",
            reason="Messages that fail go to the dead letters of their queue.",
            pack="Serverless",
        )
