"""A stack's roles and policies without what they are for: the local cloud deploys no instances and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INSTANCE = "i-0123456789abcdef0"
_KEPT = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::Logs::LogGroup")


def as_a_stack(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template cut down to roles, policies and log groups; whatever else they name is called `INSTANCE`.

    Changes the template.
    """
    kept = {name: one for name, one in template["Resources"].items() if one["Type"] in _KEPT}
    gone = template["Resources"].keys() - kept.keys()
    for role in kept.values():
        for statement in role.get("Properties", {}).get("AssumeRolePolicyDocument", {}).get("Statement", ()):
            # Whoever stands for a service here can't say for which account it asks. What the role may do stays.
            statement.pop("Condition", None)
    return {
        "Resources": {
            name: {field: _without(value, gone) for field, value in one.items() if field in ("Type", "Properties")}
            for name, one in kept.items()
        },
        "Outputs": {
            name: {"Value": {"Fn::GetAtt": [name, "Arn"]}}
            for name, one in kept.items()
            if one["Type"] == "AWS::IAM::Role"
        }
        # What another stack's policies name of this one.
        | {name: _without(one, gone) for name, one in template.get("Outputs", {}).items() if "Export" in one},
    }


def _without(value: Any, gone: set[str]) -> Any:
    match value:
        case {"Ref": name} if name in gone:
            return INSTANCE
        case {"Fn::GetAtt": [name, _]} if name in gone:
            return INSTANCE
        case dict():
            return {key: _without(one, gone) for key, one in value.items()}
        case list():
            return [_without(one, gone) for one in value]
        case _:
            return value
