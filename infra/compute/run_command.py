"""How dispatch reaches the inference instance in mode `command`: the SSM document, and the parameter with its id."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from config.documents import infer_document
from config.names import INFER_DOCUMENT, INSTANCE_PARAMETER


def add_run_command(scope: Construct, instance_id: str) -> None:
    """Add the document that hands photos to the worker, and the parameter that dispatch reads the instance from."""
    command_document(scope, "Infer", name=INFER_DOCUMENT, content=infer_document())
    ssm.StringParameter(
        scope,
        "InstanceId",
        parameter_name=INSTANCE_PARAMETER,
        string_value=instance_id,
        description="Where Nunchi's dispatch sends photos",
    )


def command_document(scope: Construct, id: str, *, name: str, content: dict[str, Any]) -> ssm.CfnDocument:
    """A document for Run Command. A change is a new version: commands under way keep the version they were sent with.

    CloudFormation can't replace a document that has a name of its own.
    """
    return ssm.CfnDocument(
        scope,
        id,
        name=name,
        document_type="Command",
        document_format="JSON",
        target_type="/AWS::EC2::Instance",
        content=content,
        update_method="NewVersion",
    )
