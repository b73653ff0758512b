"""What templates allow, and AWS's service authorization reference, as cfn-lint brings it along, to hold it against."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from tests.infra.assembly import Template


@cache
def _reference() -> dict[str, Any]:
    path = files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json")
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def resource_types(action: str) -> list[str]:
    """The types of resources that AWS checks an action on; none where it knows only `*`. KeyError: no such action."""
    service, _, name = action.partition(":")
    types: list[str] = _reference()[service]["Actions"][name.lower()].get("Resources", [])
    return types


def is_on(action: str, arn: str) -> bool:
    """Whether an ARN, with references spelled out in `<…>`, is of a type that AWS checks the action on."""
    service = action.partition(":")[0]
    known = _reference()[service]["Resources"]
    formats = [form for name in resource_types(action) for form in known[name.lower()]["ARNFormats"]]
    return any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", form), arn) for form in formats)


def resources(templates: list[Template], type_: str) -> list[tuple[Template, str, dict[str, Any]]]:
    """Every resource of a type: its template, its logical id, its fields."""
    return [
        (template, name, one)
        for template in templates
        for name, one in template.resources.items()
        if one["Type"] == type_
    ]


def grants(templates: list[Template]) -> list[tuple[str, str, list[str]]]:
    """Everything that an IAM role is allowed: whose policy, an action, its statement's resources."""
    found: list[tuple[str, str, list[str]]] = []
    for type_ in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for template, name, one in resources(templates, type_):
            for statement in one["Properties"]["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                found += [
                    (name, action, [spelled(template, arn) for arn in listed(statement["Resource"])])
                    for action in listed(statement["Action"])
                ]
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def spelled(template: Template, arn: Any) -> str:
    """An ARN whose every reference is `<…>`; one that is nothing but a reference has the form of its type."""
    match arn:
        case {"Fn::GetAtt": [name, attribute]}:
            return FORMS[template.resources[name]["Type"]] if attribute == "Arn" else "<id>"
        case {"Fn::ImportValue": str(name)} | {"Fn::GetStackOutput": {"OutputName": str(name)}}:
            return f"<{name}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(spelled(template, part) for part in parts)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(.+?)\}", r"<\1>", text)
        case {"Ref": name}:
            return _referred(template, name)
        case str():
            return arn
    raise TypeError(f"no rule to spell out {arn!r}")


def _referred(template: Template, name: str) -> str:
    if "AWS::" in name:
        return {"AWS::Partition": "aws"}.get(name, "<here>")
    return REFS.get(template.resources[name]["Type"], "<name>")


# What a mere reference is, where it is an ARN itself.
REFS = {
    "AWS::SNS::Topic": "arn:aws:sns:region:account:topic",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:region:account:stateMachine:name",
}
FORMS = {
    "AWS::S3::Bucket": "arn:aws:s3:::bucket",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:region:account:table/name",
    "AWS::SQS::Queue": "arn:aws:sqs:region:account:queue",
    "AWS::KMS::Key": "arn:aws:kms:region:account:key/id",
    "AWS::Lambda::Function": "arn:aws:lambda:region:account:function:name",
    "AWS::Logs::LogGroup": "arn:aws:logs:region:account:log-group:name:*",
    "AWS::SNS::Topic": "arn:aws:sns:region:account:topic",
}
