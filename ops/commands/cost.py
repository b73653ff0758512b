"""`nunchi cost`: an estimate of the monthly cost of this nunchi.toml on AWS."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.nunchi_toml import load
from ops.cost.demand import PHOTOS_A_SHOP
from ops.cost.estimate import CostEstimate, estimate
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
) -> None:
    """Estimate the monthly cost on AWS of this nunchi.toml, line by line, from prices of a known date.

    Free tiers, discounts and taxes are left out. Sources: ops/cost/estimate.py, ops/cost/prices.toml.

    Exit status: 0, or 1 when nunchi.toml is invalid or a price is missing.

    Example: nunchi cost --shops 1000 --json | jq .usd
    """
    config = load()
    prices = load_prices(config.region)
    if check:
        for price in prices.by_name.values():
            typer.echo(f"# {price.what}: {price.usd:g} USD per {price.unit}\n{price.command(config.region)}")
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
