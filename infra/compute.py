"""The stack of what only AWS has: the inference instance, and the document that reaches its worker."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.inference import DOCUMENT, INSTANCE_PARAMETER, infer_document
from infra.instance import InferenceInstance
from infra.network import Network


class Compute(Stack):
    """One inference instance that nothing can call, and the way to hand it photos."""

    def __init__(
        self, scope: Construct, id: str, *, access: iam.IManagedPolicy, instance_type: str, **kwargs: Any
    ) -> None:
        super().__init__(scope, id, **kwargs)
        network = Network(self, "Network")
        inference = InferenceInstance(self, "Inference", network=network, instance_type=instance_type, access=access)

        ssm.CfnDocument(
            self,
            "Infer",
            name=DOCUMENT,
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=infer_document(),
            # A document with a name of its own can't be replaced; and a command on its way keeps the version it had.
            update_method="NewVersion",
        )
        ssm.StringParameter(
            self,
            "InstanceId",
            parameter_name=INSTANCE_PARAMETER,
            string_value=inference.instance_id,
            description="Where Nunchi's dispatch sends photos",
        )
