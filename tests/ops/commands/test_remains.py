"""What `nunchi remains` calls a remainder."""

from __future__ import annotations

from typing import Any, Final

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from contracts.errors import NunchiError
from ops.__main__ import app
from ops.aws import AwsError
from ops.commands.remains import Remainder, _of_stacks, remainders

TEMPLATE: Final[dict[str, Any]] = {
    "Resources": {
        "Images": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate", "Properties": {}},
        "Weights": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
        },
        "Log": {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete", "Properties": {}},
        "Dead": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {}},
        "Orders": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": {}},
        "NeverMade": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {}},
    }
}


def test_what_is_retained_and_was_made_remains_with_the_command_that_ends_it() -> None:
    physical = {
        "Images": "images-1",
        "Orders": "orders-1",
        "Weights": "weights-1",
        "Log": "/log",
        "Dead": "https://sqs/dead",
    }
    assert remainders(TEMPLATE, physical) == [
        Remainder("bucket", "images-1", "Images", "aws s3 rb --force s3://images-1"),
        Remainder(
            "bucket",
            "weights-1",
            "Weights",
            "aws s3 rb --force s3://weights-1  # delete its old versions first: empty it in the console",
        ),
        Remainder("queue", "https://sqs/dead", "Dead", "aws sqs delete-queue --queue-url https://sqs/dead"),
        Remainder("table", "orders-1", "Orders", "aws dynamodb delete-table --table-name orders-1"),
    ]


@mock_aws
def test_where_nothing_is_deployed_nothing_remains() -> None:
    with pytest.raises(
        NunchiError,
        match="none of NunchiBudget, NunchiHealth, NunchiCompute, NunchiTraining, NunchiPipeline is deployed here",
    ):
        list(_of_stacks(boto3.client("cloudformation", region_name="ap-northeast-2")))


def test_a_profile_that_there_is_not_is_no_matter_of_the_cloud_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is AWS that is asked: the logs of a local cloud would not help."""
    monkeypatch.delenv("NUNCHI_CONFIG", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    told = CliRunner().invoke(app, ["remains"])
    assert isinstance(told.exception, AwsError)
    assert str(told.exception) == (
        "AWS, region ap-northeast-2: The config profile (elsewhere) could not be found; aws configure list-profiles "
        "(--local is for the cloud on this machine)"
    )
