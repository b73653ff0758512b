"""Which days are simulated for docs/scaling.md, and the means over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Final

from bench.scaling.day import simulate
from bench.scaling.inputs import CommandDelays, Delays, Demand, GroupSettings, InstanceSettings, Scenario, Surge
from bench.scaling.theory import mean_and_half_width
from ops.cost.demand import BUSY, DemandDay, busiest_rate, group_for

SIZES: Final = (1, 10, 100, 1_000, 5_000)
NOON_S: Final = 12 * 3600.0
DEFAULT: Final = 1_000

Row = dict[str, Any]
Run = Callable[[Scenario], Row]


def recommended(shops: int) -> GroupSettings:
    """The group that docs/scaling.md recommends, by the rule of `ops.cost.demand.group_for`."""
    size = group_for(shops)
    return GroupSettings(
        least=size.least, most=size.most, warm_pool=size.warm_pool, backlog_per_instance=size.backlog_per_instance
    )


def common(shops: int, group: GroupSettings) -> Scenario:
    """An ordinary day with a random day factor."""
    return Scenario(demand=Demand(shops=shops), group=group)


def accident(shops: int, group: GroupSettings) -> Scenario:
    """A busy day on which an instance is killed at noon."""
    return Scenario(demand=Demand(shops=shops, day_factor=BUSY), group=group, kill_at_s=NOON_S)


def surge(shops: int, group: GroupSettings) -> Scenario:
    """A day on which all shops have three times their customers for twenty minutes of lunch."""
    return Scenario(demand=Demand(shops=shops, day_factor=1.0, surge=Surge()), group=group)


DAYS: Final[Mapping[str, Callable[[int, GroupSettings], Scenario]]] = {
    "common": common,
    "accident": accident,
    "surge": surge,
}


def sizes(run: Run) -> list[Row]:
    """Every size with its recommended group, on every kind of day; and the largest with a group sized for the surge."""
    largest = recommended(SIZES[-1])
    foreseen = replace(
        largest,
        least=math.ceil(
            Surge().factor * busiest_rate(Demand().photos_a_shop * SIZES[-1]) / InstanceSettings().photos_a_second
        ),
    )
    return [
        {"shops": shops, "day": name, **_settings(recommended(shops)), **run(make(shops, recommended(shops)))}
        for shops in SIZES
        for name, make in DAYS.items()
    ] + [{"shops": SIZES[-1], "day": "foreseen", **_settings(foreseen), **run(surge(SIZES[-1], foreseen))}]


def leasts(run: Run) -> list[Row]:
    """A thousand shops with fewer and more instances than recommended."""
    chosen = recommended(DEFAULT)
    return [
        {"day": name, **_settings(group), **run(DAYS[name](DEFAULT, group))}
        for name in DAYS
        for group in (replace(chosen, least=least) for least in range(1, chosen.least + 2))
    ]


def targets(run: Run) -> list[Row]:
    """The effect of target and warm pool where they matter: too few instances, and a surge."""
    chosen = replace(recommended(DEFAULT), least=1)
    return [
        {**_settings(group), **run(surge(DEFAULT, group))}
        for group in (
            replace(chosen, backlog_per_instance=target, warm_pool=pool)
            for target in (10.0, 50.0, 200.0)
            for pool in (0, chosen.warm_pool)
        )
    ]


def sensitivity(run: Run) -> list[Row]:
    """A thousand shops as recommended, when an assumption is wrong; on the busy day on which an instance dies."""
    base = accident(DEFAULT, recommended(DEFAULT))
    wrong = {
        "as assumed": base,
        "an instance half as fast": replace(base, instance=replace(base.instance, speed=base.instance.speed / 2)),
        "an instance as fast as the measuring machine": replace(base, instance=InstanceSettings(speed=1.0)),
        "twice the photos": replace(base, demand=replace(base.demand, photos_a_shop=2 * base.demand.photos_a_shop)),
        "S3's events twice as late": replace(base, delays=Delays(event_median=2 * base.delays.event_median)),
        "five times as many events in the tail": replace(base, delays=Delays(tail_share=5 * base.delays.tail_share)),
    }
    return [{"assumption": name, **run(scenario)} for name, scenario in wrong.items()]


def one_shop(run: Run) -> list[Row]:
    """One shop with one instance at all times: mode `queue`, and mode `command` under several guesses."""
    queue = common(1, GroupSettings(least=1, most=1, warm_pool=0))
    guess = CommandDelays()
    guesses = {
        "`queue`": None,
        "`command`, as guessed": guess,
        "`command`, delivery in a third of the time": replace(guess, delivery_median=guess.delivery_median / 3),
        "`command`, delivery three times as slow": replace(guess, delivery_median=3 * guess.delivery_median),
        "`command`, one command in twenty waits for a minute": replace(guess, blocked_share=0.05),
    }
    return [{"mode": name, **run(replace(queue, delays=Delays(command=command)))} for name, command in guesses.items()]


def mean_of_days(scenario: Scenario, *, days: int, pool: ProcessPoolExecutor) -> Row:
    """Each figure as [mean, half of its 95 % interval] over `days` days, with seeds 1, 2, 3, …"""
    outcomes = list(pool.map(partial(_figures, scenario), range(1, days + 1)))
    return {name: _rounded(mean_and_half_width([figures[name] for figures in outcomes])) for name in outcomes[0]}


PARTS: Final = {part.__name__: part for part in (sizes, leasts, targets, sensitivity, one_shop)}


def report(*, days: int, processes: int, log: Callable[[str], None], only: str | None = None) -> dict[str, Any]:
    """The figures of all tables, or those of one."""
    parts: dict[str, Any] = {
        "rates": {str(shops): busiest_rate(Demand().photos_a_shop * shops, DemandDay()) for shops in SIZES},
        "photos_a_shop": Demand().photos_a_shop,
        "photos_a_second": InstanceSettings().photos_a_second,
    }
    with ProcessPoolExecutor(processes) as pool:
        run = partial(mean_of_days, days=days, pool=pool)
        for name in [only] if only else PARTS:
            log(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}")
            parts[name] = PARTS[name](run)
    return parts


def _figures(scenario: Scenario, seed: int) -> dict[str, float]:
    return simulate(scenario, seed).figures()


def _settings(group: GroupSettings) -> Row:
    return {
        "least": group.least,
        "most": group.most,
        "backlog_per_instance": group.backlog_per_instance,
        "warm_pool": group.warm_pool,
    }


def _rounded(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else float(f"{value:.6g}") for value in values]
