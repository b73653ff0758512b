"""What a deployment leaves behind must not stop the next one: after a destroy, a roll-back, a refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.assembly import Template, shared, synthesise

ASSEMBLIES = ["command", "queue", "key", "queue and key"]


@pytest.fixture(params=ASSEMBLIES)
def stacks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Template]:
    folder = shared(tmp_path_factory, request.param)
    return [Template(path) for path in sorted(folder.glob("*.template.json"))]


def resources(stacks: list[Template]) -> Iterator[tuple[str, dict[str, Any]]]:
    for stack in stacks:
        yield from stack.resources.items()


def test_nothing_with_a_name_of_its_own_outlives_its_stack(stacks: list[Template]) -> None:
    """The next deployment would fail on it: "already exists". What is kept has names that AWS makes up."""
    kept = [
        (resource["Type"], name, value)
        for _, resource in resources(stacks)
        if resource.get("DeletionPolicy", "Delete") != "Delete"
        for name, value in resource.get("Properties", {}).items()
        if name.endswith("Name") and isinstance(value, str)
    ]
    assert kept == []


def test_a_first_deployment_that_fails_leaves_nothing_behind(stacks: list[Template]) -> None:
    """What is kept from a destroy or a replacement is kept only once it was made for good."""
    policies = {resource.get("DeletionPolicy", "Delete") for _, resource in resources(stacks)}
    assert policies == {"Delete", "RetainExceptOnCreate"}


def test_a_schedule_is_made_after_its_group(stacks: list[Template]) -> None:
    """The group's name is text in the template, so nothing else would make CloudFormation wait."""
    for stack in stacks:
        groups = {
            resource["Properties"]["Name"]: name
            for name, resource in stack.resources.items()
            if resource["Type"] == "AWS::Scheduler::ScheduleGroup"
        }
        for resource in stack.resources.values():
            if resource["Type"] == "AWS::Scheduler::Schedule" and "GroupName" in resource["Properties"]:
                assert groups[resource["Properties"]["GroupName"]] in resource["DependsOn"]


def test_an_account_that_may_not_create_budgets_keeps_its_alarms(stacks: list[Template]) -> None:
    """The budget is alone in its stack, on which none depends."""
    [budget] = [stack for stack in stacks if stack.all("AWS::Budgets::Budget")]
    assert [resource["Type"] for resource in budget.resources.values()] == ["AWS::Budgets::Budget"]


def test_without_a_budget_there_is_no_stack_of_it(tmp_path: Path) -> None:
    settings = tmp_path / "nunchi.toml"
    settings.write_text("[alarms]\nbudget_usd = 0\n")
    folder = synthesise(tmp_path / "out", NUNCHI_CONFIG=str(settings))
    names = {name for name in json.loads((folder / "manifest.json").read_text())["artifacts"] if "." not in name}
    assert "NunchiHealth" in names
    assert "NunchiBudget" not in names
