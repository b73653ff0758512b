"""Writes the report's figures into docs/scaling.md, between its marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from config.mode import Mode
from config.nunchi_toml import Config
from config.sections import QueueSettings
from day0.card import filled
from ops.cost.demand import PHOTOS_A_SHOP
from ops.cost.estimate import estimate
from ops.cost.prices import load_prices

PAGE: Final = Path(__file__).parents[2] / "docs" / "scaling.md"
FOLDER: Final = PAGE.with_suffix("")
DAY_NAMES: Final = {
    "common": "common",
    "accident": "busy, an instance dies",
    "surge": "surge",
    "foreseen": "surge, foreseen",
}
_PARTS: Final = ("compute", "storage", "messages")
FIGURES: Final = "p50, s | p95, s | p99, s | late | late for want of capacity | instance-hours | most in service"


def rendered(text: str, report: Mapping[str, Any]) -> str:
    """The page with the report's figures between its marks."""
    return filled(text, tables(report))


def tables(report: Mapping[str, Any]) -> dict[str, str]:
    """Each table of the page, in Markdown, by its mark."""
    return {
        "costs": _table(
            "shops | mode | instances | storage | messages | the rest | **USD a month** | a shop",
            (_cost(row["shops"], row) for row in report["sizes"] if row["day"] == "common"),
        ),
        "run": _run(report),
        "one shop run": _run(report.get("since", {}).get("one_shop", report)),
        "one shop by mode": _table(f"mode | {FIGURES}", ((row["mode"], *_figures(row)) for row in report["one_shop"])),
        "throughput": f"{report['photos_a_second']:.1f} photos a second",
        "recommendation": _table(
            "shops | photos a day | in the busiest minute | `least` | `most` | `warm_pool` | `backlog_per_instance`",
            (
                (
                    f"{row['shops']:,}",
                    f"{row['shops'] * report['photos_a_shop']:,.0f}",
                    f"{report['rates'][str(row['shops'])]:.2f} a second",
                    row["least"],
                    row["most"],
                    row["warm_pool"],
                    f"{row['backlog_per_instance']:g}",
                )
                for row in report["sizes"]
                if row["day"] == "common"
            ),
        ),
        "sizes": _table(
            f"shops | day | {FIGURES}",
            ((f"{row['shops']:,}", DAY_NAMES[row["day"]], *_figures(row)) for row in report["sizes"]),
        ),
        "leasts": _table(
            f"day | `least` | {FIGURES}",
            ((DAY_NAMES[row["day"]], row["least"], *_figures(row)) for row in report["leasts"]),
        ),
        "targets": _table(
            f"`backlog_per_instance` | `warm_pool` | {FIGURES}",
            ((f"{row['backlog_per_instance']:g}", row["warm_pool"], *_figures(row)) for row in report["targets"]),
        ),
        "sensitivity": _table(
            f"assumption | {FIGURES}", ((row["assumption"], *_figures(row)) for row in report["sensitivity"])
        ),
    }


def _cost(shops: int, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The figures of `nunchi cost --shops N` in Seoul; one shop in mode command, more in mode queue as recommended."""
    mode = Mode.COMMAND if shops == 1 else Mode.QUEUE
    group = QueueSettings(**{name: row[name] for name in ("least", "most", "warm_pool", "backlog_per_instance")})
    config = Config(region="ap-northeast-2", mode=mode, queue=group)
    cost = estimate(config, load_prices(config.region), shops=shops, photos_a_day=PHOTOS_A_SHOP)
    parts = {part: sum(line.usd for line in cost.lines if line.part == part) for part in _PARTS}
    rest = cost.usd - sum(parts.values())
    return (
        f"{shops:,}",
        f"`{mode}`",
        *(f"{usd:,.0f}" for usd in (*parts.values(), rest)),
        f"**{cost.usd:,.0f}**",
        f"{cost.usd / shops:,.2f}",
    )


def _run(run: Mapping[str, Any]) -> str:
    return (
        f"`{run['command']}`, {run['date']}, {run['seconds']} s on {run['machine']}; {run['days']} days a row, "
        f"simpy {run['simpy']}."
    )


def _figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        *(_seconds(row[name]) for name in ("p50_s", "p95_s", "p99_s")),
        *(_share(row[name]) for name in ("late", "late_by_capacity")),
        f"{row['instance_hours'][0]:.1f}",
        f"{row['most_in_service'][0]:.1f}",
    )


def _seconds(interval: Sequence[float]) -> str:
    mean, half = interval
    return f"{mean:.2f} ± {half:.2f}" if mean < 10 else f"{mean:.0f} ± {half:.0f}"


def _share(interval: Sequence[float]) -> str:
    mean, half = interval
    return f"{mean:.2%} ± {half:.2%}"


def _table(head: str, rows: Iterable[tuple[Any, ...]]) -> str:
    columns = head.count(" | ") + 1
    lines = [f"| {head} |", "|" + "---|" * columns]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])
