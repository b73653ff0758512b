"""Acknowledged findings of cdk-nag, each with its reason, beside the part that it concerns."""

from __future__ import annotations

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(part: IConstruct, *rules: str, reason: str, pack: str = "AwsSolutions") -> None:
    """Accept `rules` of a pack for `part` and what is inside it, because of `reason`."""
    Validations.of(part).acknowledge(*(Acknowledgment(id=f"{pack}::{pack}-{rule}", reason=reason) for rule in rules))


def acknowledge_wildcards(part: IConstruct, *arns: str, reason: str) -> None:
    """Accept that a policy of `part` allows something on each of the ARNs that holds a `*`, because of `reason`."""
    stack = Stack.of(part)
    named = [_as_in_finding(stack.resolve(arn)) for arn in arns]
    acknowledge(part, *(f"IAM5[Resource::{arn}]" for arn in named if "*" in arn), reason=reason)


def _as_in_finding(value: Any) -> str:
    """A resolved value as cdk-nag names it in a finding: `<Bucket.Arn>/uploads/*`."""
    match value:
        case str():
            return value.replace("${", "<").replace("}", ">")  # a policy's own variable
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::ImportValue": str(name)}:  # of another stack, exported by hand (`export_value`)
            return name
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_as_in_finding, parts))
        case _:
            raise TypeError(f"no rule to spell out {value!r}")
