"""What a person hears while the CDK deploys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.aws.deploy import state_of

SYNTHESIS = "\n✨  Synthesis time: 29.93s\n\n"
PUBLISHING = "NunchiPipeline: start: Publishing Enrol/Function/Code (current_account-ap-northeast-2-876071de)\n"
EVENT = "NunchiPipeline |   7 | 11:45:00 AM | CREATE_COMPLETE         | AWS::S3::Bucket       | Buckets/Dataset \n"
NEXT_STACK = "NunchiTraining | 12/43 | 11:45:06 AM | CREATE_IN_PROGRESS      | AWS::IAM::Role   | Step/Watch/R\n"


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("", "synthesising the templates; from the second start on they are kept"),
        (SYNTHESIS + PUBLISHING, "publishing templates and functions"),
        (SYNTHESIS + PUBLISHING + EVENT, "NunchiPipeline: 7 of 8 resources, now AWS::S3::Bucket"),
        (SYNTHESIS + PUBLISHING + EVENT + NEXT_STACK, "NunchiTraining: 12 resources, now AWS::IAM::Role"),
    ],
    ids=["nothing yet", "publishing", "a stack", "the next stack, without a template"],
)
def test_the_log_of_the_cdk_says_what_a_deployment_does(tmp_path: Path, log: str, says: str) -> None:
    """The CDK counts the stack among its resources."""
    resources = {"Resources": {f"Resource{number}": None for number in range(7)}}
    (tmp_path / "NunchiPipeline.template.json").write_text(json.dumps(resources))
    (tmp_path / "cdk.log").write_text(log)
    assert state_of(tmp_path / "cdk.log", tmp_path) == says


def test_before_the_cdk_writes_it_synthesises(tmp_path: Path) -> None:
    assert state_of(tmp_path / "none.log", tmp_path).startswith("synthesising")
