"""How one stack refers to a part of another."""

from __future__ import annotations

from aws_cdk import CrossStackReferences, ReferenceStrength
from constructs import IConstruct


def weaken_references(*parts: IConstruct) -> None:
    """Let other stacks read these parts' outputs without an export.

    Another stack needs them in one mode only. CloudFormation keeps an export as long as another stack imports it, so
    a change of the mode would fail.
    """
    for part in parts:
        CrossStackReferences.of(part).produce(ReferenceStrength.WEAK)
