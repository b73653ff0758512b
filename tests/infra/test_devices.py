"""What a kiosk's certificate is worth at S3 and DynamoDB, said in words. What it may say and hear: test_pipeline.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from config.names import KIOSK_ROLE_ALIAS
from tests.infra.assembly import Template

LENDER = "credentials.iot.amazonaws.com"
OWN_PHOTOS = "<ImagesBucket.Arn>/uploads/${credentials-iot:ThingName}/*"
NO_CONDITION = "{}"
# Of items whose partition key begins with the kiosk's name; a request without a key has no right.
OWN_KEYS = json.dumps(
    {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["${credentials-iot:ThingName}#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
)


def kiosk_role(pipeline: Template) -> tuple[str, dict[str, Any]]:
    """Logical name and properties of the role that the output names."""
    name = pipeline.fields["Outputs"]["KioskRoleArn"]["Value"]["Fn::GetAtt"][0]
    return name, pipeline.resources[name]["Properties"]


def allowed(pipeline: Template) -> set[tuple[str, str, str]]:
    """All that the role's policies allow. It has none of AWS's own."""
    name, role = kiosk_role(pipeline)
    assert "ManagedPolicyArns" not in role
    policies = [one for one in pipeline.all("AWS::IAM::Policy") if {"Ref": name} in one["Roles"]]
    return {right for policy in policies for right in pipeline.allowed(policy["PolicyDocument"])}


def test_a_kiosk_may_put_photos_and_count_orders_under_its_own_name_and_nothing_else(pipeline: Template) -> None:
    """Not read, not list, not delete; and the name is the one that its certificate proves."""
    assert allowed(pipeline) == {
        ("s3:PutObject", OWN_PHOTOS, NO_CONDITION),
        ("dynamodb:PutItem", "<OrdersTable.Arn>", OWN_KEYS),
        ("dynamodb:UpdateItem", "<OrdersTable.Arn>", OWN_KEYS),
    }


def test_the_kiosks_role_is_lent_by_the_credential_provider_alone_for_an_hour(
    pipeline: Template, compute: Template
) -> None:
    """Under the name that the kiosks' IoT policy allows and the output tells."""
    _, role = kiosk_role(pipeline)
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": LENDER}}
    assert role["MaxSessionDuration"] == 3600
    alias = compute.one("AWS::IoT::RoleAlias")
    assert (alias["RoleAlias"], alias["CredentialDurationSeconds"]) == (KIOSK_ROLE_ALIAS, 3600)
    assert "KioskRole" in str(alias["RoleArn"])
    assert pipeline.fields["Outputs"]["KioskRoleAliasName"]["Value"] == KIOSK_ROLE_ALIAS


def test_under_a_key_of_the_operators_own_a_kiosk_may_encrypt_with_it(key_assembly: Path) -> None:
    """A photo in one piece; to decrypt it is the worker's to do. The table's items only DynamoDB decrypts for it."""
    pipeline = Template(key_assembly / "NunchiPipeline.template.json")
    by_condition: dict[str, set[str]] = {}
    for action, _, condition in allowed(pipeline):
        if action.startswith("kms:"):
            by_condition.setdefault(condition, set()).add(action)
    here = {"Fn::Join": ["", ["dynamodb.", {"Ref": "AWS::Region"}, ".amazonaws.com"]]}
    via = {"StringEquals": {"kms:ViaService": here}}
    assert by_condition == {
        NO_CONDITION: {"kms:GenerateDataKey"},
        json.dumps(via): {
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        },
    }
