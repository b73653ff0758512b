"""The dated table of AWS prices, `ops/cost/prices.toml`, and the AWS command that checks each."""

from __future__ import annotations

import math
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from contracts.errors import SettingsError

FILE: Final = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a unit in one region, in USD."""

    what: str
    unit: str
    usd: float
    check: tuple[str, ...]

    def command(self, region: str) -> str:
        """The AWS CLI command that shows today's price. The price list API is in us-east-1 for all regions."""
        service, *where = self.check
        if service == "spot":
            [kind] = (term.partition("=")[2] for term in where)
            words = ["aws", "ec2", "describe-spot-price-history", "--region", region, "--instance-types", kind]
            return shlex.join([*words, "--product-descriptions", "Linux/UNIX", "--max-items", "1"])
        place = "fromRegionCode" if service == "AWSDataTransfer" else "regionCode"
        filters = [
            f"Type=TERM_MATCH,Field={field},Value={value}"
            for field, _, value in (term.partition("=") for term in (f"{place}={region}", *where))
        ]
        words = ["aws", "pricing", "get-products", "--region", "us-east-1", "--service-code", service, "--filters"]
        return shlex.join([*words, *filters])


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one region by their names in the table, at a date."""

    region: str
    as_of: date
    by_name: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.by_name[name]

    def instance(self, kind: str, *, spot: bool = False) -> Price:
        """The price of an hour of an EC2 type; of NaN USD when the table lacks it, with what to add to the table."""
        name = kind.replace(".", "_").replace("-", "_") + ("_spot" if spot else "")
        if name in self.by_name:
            return self.by_name[name]
        where = f"{kind}{' on Spot' if spot else ''}: look it up, and add [{name}] to {FILE}"
        return Price(what=where, unit="hour", usd=math.nan, check=())


def regions() -> list[str]:
    """The regions in the table."""
    _, table = _read()
    return sorted(table["disk"]["source"])


def load_prices(region: str) -> Prices:
    """The prices of a region; SettingsError when the table lacks it."""
    as_of, table = _read()
    if region not in (known := regions()):
        raise SettingsError(
            f"the prices of {region} are missing, so there is no estimate; the table has {', '.join(known)}: "
            f"add a column to {FILE}"
        )
    prices = {
        name: Price(row["what"], row["unit"], row[region], tuple(row["check"]))
        for name, row in table.items()
        if region in row
    }
    return Prices(region, as_of, prices)


@cache
def _read() -> tuple[date, dict[str, Any]]:
    """The table's date, and its rows."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))
    as_of = rows.pop("as_of")
    return as_of, rows
