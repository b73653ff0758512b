"""IAM policy statements, and the ARNs that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct


def allow(*actions: str, on: str | list[str], when: Mapping[str, Any] | None = None) -> iam.PolicyStatement:
    """Allow the actions on these ARNs, under the condition `when`."""
    resources = [on] if isinstance(on, str) else on
    return iam.PolicyStatement(actions=list(actions), resources=resources, conditions=when)


def arn_of(part: IConstruct, service: str, resource: str, name: str, **options: Any) -> str:
    """The ARN of a resource in the region and account of the stack of `part`; a parameter's name may begin with `/`."""
    stack = Stack.of(part)
    return stack.format_arn(service=service, resource=resource, resource_name=name.removeprefix("/"), **options)
