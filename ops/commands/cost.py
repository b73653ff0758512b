"""`nunchi cost`: an estimate of the monthly cost of this nunchi.toml on AWS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.mode import Mode
from config.nunchi_toml import load
from ops.cost.demand import PHOTOS_A_SHOP
from ops.cost.estimate import Choice, CostEstimate, choices, estimate
from ops.cost.prices import load_prices
from ops.display import echo_json, err, out
from ops.options import JsonOption


def cost(
    shops: Annotated[int, typer.Option(min=1, help="How many shops.", metavar="N")] = 1,
    photos_a_day: Annotated[
        float, typer.Option(min=0, help="Photos of a shop on an open day.", metavar="P")
    ] = PHOTOS_A_SHOP,
    as_json: JsonOption = False,
    check: Annotated[
        bool, typer.Option("--check", help="Print the commands that ask AWS for each price, and nothing else.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare instance types and both modes for one shop.")
    ] = False,
) -> None:
    """Estimate the monthly cost on AWS of this nunchi.toml, line by line, from prices of a known date.

    Free tiers, discounts and taxes are left out. Sources: ops/cost/estimate.py, ops/cost/prices.toml.

    A price that the table lacks is left out of the total, and named.
    Exit status: 0, or 1 when nunchi.toml is invalid or the region's prices are missing.

    Example: nunchi cost --shops 1000 --json | jq .usd
    """
    config = load()
    prices = load_prices(config.region)
    if check:
        for price in prices.by_name.values():
            typer.echo(f"# {price.what}: {price.usd:g} USD per {price.unit}\n{price.command(config.region)}")
        return
    if compare:
        _compare(list(choices(config, prices, photos_a_day=photos_a_day)), as_json=as_json)
        return
    estimated = estimate(config, prices, shops=shops, photos_a_day=photos_a_day)
    if as_json:
        lines = (
            asdict(line) | {"quantity": float(f"{line.quantity:.6g}"), "usd": round(line.usd, 4)}
            for line in estimated.lines
        )
        question = {"region": config.region, "mode": config.mode, "shops": shops, "photos_a_day": photos_a_day}
        answer = {"usd": round(estimated.usd, 2), "lines": list(lines), "notes": estimated.notes}
        echo_json(question | {"prices_as_of": prices.as_of.isoformat()} | answer)
        return
    out.print(
        f"[bold]{shops:,} {'shop' if shops == 1 else 'shops'}[/], {photos_a_day:g} photos each on an open day, "
        f"mode {config.mode}, {config.region}; prices of {prices.as_of}"
    )
    out.print(cost_table(estimated))
    for note in estimated.notes:
        err.print(f"[yellow]note:[/] {escape(note)}")


def _compare(found: Sequence[Choice], *, as_json: bool) -> None:
    if as_json:
        echo_json(*(asdict(choice) | {"usd": _known(choice.usd)} for choice in found))
        return
    by_mode = {mode: {choice.instance_type: choice.usd for choice in found if choice.mode is mode} for mode in Mode}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("one shop, USD a month")
    for mode in Mode:
        table.add_column(f"mode {mode}", justify="right")
    for kind in by_mode[Mode.COMMAND]:
        cells = [_known(by_mode[mode][kind]) for mode in Mode]
        table.add_row(kind, *("unknown" if usd is None else f"{usd:.2f}" for usd in cells))
    out.print(table)
    out.print(
        "Mode queue: least 1, most 1, warm_pool 0. How fast each is, and which to choose: docs/operating.md, One shop"
    )


def _known(usd: float) -> float | None:
    return None if math.isnan(usd) else round(usd, 2)


def cost_table(estimated: CostEstimate) -> Table:
    """The lines grouped by part, with the sum of each part and of all."""
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", show_footer=True)
    table.add_column("item", footer="total, a month", overflow="fold")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("USD each", justify="right", no_wrap=True)
    table.add_column("USD", justify="right", no_wrap=True, footer=f"[bold]{estimated.usd:,.2f}[/]")
    for part, lines in groupby(estimated.lines, key=lambda line: line.part):
        part_lines = list(lines)
        table.add_row(f"[bold]{part}[/]", "", "", "", f"[bold]{sum(line.usd for line in part_lines):,.2f}[/]")
        for line in part_lines:
            table.add_row(
                f"  {escape(line.item)}", _number(line.quantity), line.unit, f"{line.unit_usd:g}", f"{line.usd:,.2f}"
            )
    return table


def _number(quantity: float) -> str:
    """Rounded to three digits, or to whole numbers from 1000 on."""
    return f"{quantity:,.0f}" if quantity >= 1000 or quantity == int(quantity) else f"{quantity:.3g}"
