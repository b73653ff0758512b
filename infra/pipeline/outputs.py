"""The outputs of NunchiPipeline, and the finding of cdk-nag that concerns the whole stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput
from aws_cdk import aws_iam as iam

from config import stack_outputs as output
from config.names import KIOSK_ROLE_ALIAS
from infra.nag import acknowledge

if TYPE_CHECKING:
    from infra.pipeline.stack import PipelineStack


def write_outputs(
    stack: PipelineStack, *, worker_access: iam.IManagedPolicy, training_access: iam.IManagedPolicy
) -> None:
    """Name what `local/` and `ops/` look for."""
    acknowledge(
        stack,
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
        reason="The CDK's own function that connects bucket and queue at deployment uses it, to write its log.",
    )
    values = {
        output.IMAGES_BUCKET: stack.buckets.images.bucket_name,
        output.DATASET_BUCKET: stack.buckets.dataset.bucket_name,
        output.WEIGHTS_BUCKET: stack.buckets.weights.bucket_name,
        output.ORDERS_TABLE: stack.orders.table.table_name,
        output.UPLOAD_QUEUE_URL: stack.uploads.queue.queue_url,
        output.DEAD_QUEUE_URL: stack.uploads.dead.queue_url,
        output.ENROL_FUNCTION_NAME: stack.enrol.function.function_name,
        output.KIOSK_POLICY_NAME: stack.devices.kiosk.ref,
        output.WORKER_POLICY_NAME: stack.devices.worker.ref,
        output.WORKER_ACCESS_ARN: worker_access.managed_policy_arn,
        output.TRAINING_ACCESS_ARN: training_access.managed_policy_arn,
        output.WORKER_ROLE_ARN: stack.worker_role.role_arn,
        output.TRAINING_ROLE_ARN: stack.training_role.role_arn,
        output.KIOSK_ROLE_ARN: stack.kiosk_role.role_arn,
        output.KIOSK_ROLE_ALIAS_NAME: KIOSK_ROLE_ALIAS,
    }
    if stack.dispatch is not None:
        values[output.DISPATCH_FUNCTION_NAME] = stack.dispatch.function.function_name
    for name, value in values.items():
        CfnOutput(stack, name, value=value)
