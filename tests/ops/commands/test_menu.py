"""`nunchi menu` against AWS, as moto has it. In a local cloud: tests/end_to_end/test_kiosks.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from kiosk.errors import InvalidMenu
from kiosk.menu.menu import DEFAULT_FILE
from kiosk.menu.sync import OrdersTable
from ops.commands.menu import menu
from recipes.kiosk.labels import Label
from retrain.intervals import wilson
from tests.kiosk.menu.orders import ordered

REGION = "eu-west-1"
PIPELINE = {
    "Resources": {
        "Orders": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                "BillingMode": "PAY_PER_REQUEST",
            },
        }
    },
    "Outputs": {"OrdersTable": {"Value": {"Ref": "Orders"}}},
}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OrdersTable]:
    """The table of a deployed pipeline, for a kiosk."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    with mock_aws():
        cloudformation = boto3.client("cloudformation", region_name=REGION)
        cloudformation.create_stack(StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE))
        [stack] = cloudformation.describe_stacks(StackName="NunchiPipeline")["Stacks"]
        name = stack.get("Outputs", [{}])[0].get("OutputValue", "")
        dynamodb: Any = boto3.client("dynamodb", region_name=REGION)  # pyrefly: ignore
        yield OrdersTable(dynamodb, table=name, kiosk_id="shop1")


def test_what_kiosks_counted_is_reported_with_shares_and_intervals(table: OrdersTable) -> None:
    """Few orders are marked; programs get every dish, people the first and their names."""
    for seq in range(1, 41):
        dishes = ("gimbap", "cola") if seq <= 10 else ("udon",)
        table.count(ordered(*dishes, seq=seq, label=Label.ELDER_MALE, confidence=0.8, hour=12))
    table.count(ordered("sundae", seq=99, label=None, confidence=None, hour=9))
    told = CliRunner().invoke(menu, ["report", "--json"])
    assert told.exit_code == 0, told.output
    assert [json.loads(line) for line in told.stdout.splitlines()] == [
        {
            "label": "elder_male",
            "hour": None,
            "orders": 40,
            "confidence": pytest.approx(0.8),
            "too_few": False,
            "dishes": [
                {"dish": dish, "orders": n, "share": n / 40, "interval": [*wilson(n, 40)]}
                for dish, n in (("udon", 30), ("cola", 10), ("gimbap", 10))
            ],
        },
        {
            "label": None,
            "hour": None,
            "orders": 1,
            "confidence": None,
            "too_few": True,
            "dishes": [{"dish": "sundae", "orders": 1, "share": 1.0, "interval": [*wilson(1, 1)]}],
        },
    ]
    shown = CliRunner().invoke(menu, ["report", "--top", "1"]).stdout
    assert "elder male  40 orders, confidence 0.80" in shown
    assert "우동" in shown and "김밥" not in shown
    assert "no label  1 orders  too few: 40 tell something" in shown


def test_without_an_order_the_report_says_so(table: OrdersTable) -> None:
    del table
    assert "No order is counted yet" in CliRunner().invoke(menu, ["report"]).stdout


def test_a_valid_menu_is_described(tmp_path: Path) -> None:
    told = CliRunner().invoke(menu, ["check", str(DEFAULT_FILE)])
    assert told.exit_code == 0
    assert "is valid: 31 dishes in 6 categories" in told.stdout
    assert "모둠튀김 4,000" in told.stdout
    told = CliRunner().invoke(menu, ["check", str(DEFAULT_FILE), "--json"])
    assert json.loads(told.stdout) == {"categories": 6, "dishes": 31, "options": 11}
    wrong = tmp_path / "menu.toml"
    wrong.write_text("dishes = 1\n")
    assert isinstance(CliRunner().invoke(menu, ["check", str(wrong)]).exception, InvalidMenu)
