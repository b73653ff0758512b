"""AWS's service authorization reference, as cfn-lint brings it along: which actions there are, and what each is on."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any


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
    formats = [form for name in resource_types(action) for form in known[name]["ARNFormats"]]
    return any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", form), arn) for form in formats)
