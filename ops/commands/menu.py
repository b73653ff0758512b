"""`nunchi menu report|check`: what sells to whom, and whether a menu is valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from kiosk.menu.menu import Menu
from ops.display import echo_json, out, plain_table
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, command_group
from ops.sales import LEAST_ORDERS, Count, Sales, sales
from ops.session import session_of

menu = command_group("The menu of the kiosks, and what sells to whom.")

FileOption = Annotated[
    Path | None, typer.Option("--menu", help="The kiosks' menu, for names. Default: the one of Nunchi.", metavar="FILE")
]


@menu.command()
def report(
    *,
    kiosk: Annotated[str | None, typer.Option("--kiosk", help="One kiosk only.", metavar="NAME")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="From that month on, as 2026-11.", metavar="MONTH")
    ] = None,
    by_hour: Annotated[bool, typer.Option("--hours", help="Each hour apart.")] = False,
    top: Annotated[int, typer.Option("--top", min=1, help="So many dishes of each.")] = 5,
    file: FileOption = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show what sells to whom: orders by the label that the kiosk had, their dishes, shares and 95 % intervals.

    A label is the model's opinion: the mean confidence says how far to believe it. Fewer than 40 orders are marked,
    because their shares are chance. With --json all dishes are listed.

    Exit status: 0, or 1 when the counts can't be read.

    Example: nunchi menu report --since 2026-11 --hours --json | jq -r 'select(.label == "elder_female") | .hour'
    """
    names = {dish.id: dish.name.ko for dish in Menu.load(file).dishes}
    with session_of(local, state) as session:
        found = sales(
            _counts(session.client("dynamodb"), session.table("orders")), by_hour=by_hour, kiosk=kiosk, since=since
        )
    if as_json:
        echo_json(*map(_fields, found))
        return
    if not found:
        out.print("No order is counted yet; kiosks count each order some seconds after its receipt")
    for part in found:
        _show(part, names, top)


@menu.command()
def check(
    file: Annotated[Path, typer.Argument(help="A menu.toml.", metavar="FILE")], as_json: JsonOption = False
) -> None:
    """Find every mistake of a menu before a kiosk sells by it.

    Exit status: 0 the menu is valid, 1 it is not.

    Example: nunchi menu check menu.toml
    """
    read = Menu.load(file)
    if as_json:
        echo_json({"categories": len(read.categories), "dishes": len(read.dishes), "options": len(read.options)})
        return
    out.print(f"[green]{escape(str(file))} is valid[/]: {len(read.dishes)} dishes in {len(read.categories)} categories")
    for category in read.categories:
        dishes = [f"{dish.name.ko} {dish.price:,}" for dish in read.dishes if dish.category == category.id]
        out.print(f"  [bold]{escape(category.name.ko)}[/]  {escape(', '.join(dishes))}")


def _counts(dynamodb: Any, table: str) -> Iterator[Count]:
    """Every count of the table."""
    items: Iterable[Mapping[str, Any]] = (
        item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]
    )
    return (count for count in map(Count.from_item, items) if count is not None)


def _fields(part: Sales) -> dict[str, Any]:
    return {
        "label": part.label,
        "hour": part.hour,
        "orders": part.orders,
        "confidence": part.confidence,
        "too_few": part.few,
        "dishes": [
            {"dish": each.dish, "orders": each.count, "share": each.share, "interval": each.interval}
            for each in part.shares()
        ],
    }


def _show(part: Sales, names: Mapping[str, str], top: int) -> None:
    label = "no label" if part.label is None else part.label.replace("_", " ")
    title = label if part.hour is None else f"{label}, {part.hour:02}:00"
    sure = "" if part.confidence is None else f", confidence {part.confidence:.2f}"
    few = f"  [yellow]too few: {LEAST_ORDERS} tell something[/]" if part.few else ""
    out.print(f"[bold]{title}[/]  {part.orders:,} orders{sure}{few}")
    table = plain_table("", "orders", "share", "interval", right=("orders", "share", "interval"))
    for each in part.shares(top):
        low, high = each.interval
        name = f"  {names.get(each.dish, each.dish)}"
        table.add_row(escape(name), f"{each.count:,}", f"{each.share:.0%}", f"{low:.0%} – {high:.0%}")
    out.print(table)
