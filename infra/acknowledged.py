"""Findings of cdk-nag that are meant: each with its one reason, next to the part it is about."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(part: IConstruct, *rules: str, reason: str) -> None:
    """Accept `rules` of the pack AwsSolutions for `part` and what is inside it, because of `reason`."""
    Validations.of(part).acknowledge(
        *(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason) for rule in rules)
    )
