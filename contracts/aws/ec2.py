"""EC2 instances, as functions find them by id or by tag."""

from __future__ import annotations

from typing import Any, Final

ALIVE: Final = ("pending", "running")


def instances(ec2: Any, **selection: Any) -> list[Any]:
    """The instances of `describe_instances`, of all pages."""
    pages = ec2.get_paginator("describe_instances").paginate(**selection)
    return [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]


def tagged(ec2: Any, *tags: str, states: tuple[str, ...]) -> list[Any]:
    """The instances with all of these tags, `key=value`, in one of these states."""
    return instances(ec2, Filters=[*map(by_tag, tags), {"Name": "instance-state-name", "Values": [*states]}])


def by_tag(tag: str) -> dict[str, Any]:
    """The filter for a tag, `key=value`."""
    key, _, value = tag.partition("=")
    return {"Name": f"tag:{key}", "Values": [value]}
