"""Simulation of up to 5,000 shops: how many instances they need, how long a label takes, what scaling is worth.

    python -m bench.scaling [--days 8] [--processes 2] [--only one_shop] [--dry-run | --page]

Simulates what bench/scaling/study.py lists, and writes docs/scaling/report.json, the diagram beside it and the tables
of docs/scaling.md, a quarter of an hour on two processors. Seeds are fixed: the same source gives the same figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from datetime import date
from importlib.metadata import version

from bench.__main__ import processor
from bench.scaling import diagram, page, study
from bench.scaling.day import SimulatedDay, simulate


def chart() -> dict[str, SimulatedDay]:
    """The diagram's days: a surge with the recommended group, and with one instance less."""
    chosen = study.recommended(study.DEFAULT)
    fewer = replace(chosen, least=chosen.least - 1)
    return {f"least {group.least}": simulate(study.surge(study.DEFAULT, group), seed=1) for group in (chosen, fewer)}


def main() -> None:
    """Simulate, print, and rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=8, help="days simulated for each row")
    parser.add_argument("--processes", type=int, default=2, help="days simulated at a time")
    parser.add_argument("--only", choices=study.PARTS, help="simulate this table; the others stay as they are")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, and leave docs/ as it is")
    parser.add_argument(
        "--page", action="store_true", help="rewrite the page from the last run's report: after new prices"
    )
    options = parser.parse_args()
    recorded = page.FOLDER / "report.json"
    if options.page:
        report = json.loads(recorded.read_text())
        page.PAGE.write_text(page.rendered(page.PAGE.read_text(), report))
        return
    start = time.perf_counter()
    figures = study.report(
        days=options.days, processes=options.processes, log=lambda text: print(text, flush=True), only=options.only
    )
    run = {
        "command": f"python -m bench.scaling --days {options.days}",
        "date": date.today().isoformat(),
        "days": options.days,
        "machine": f"{options.processes} × {processor()}",
        "seconds": round(time.perf_counter() - start),
        "simpy": version("simpy"),
    }
    if options.only:
        run["command"] += f" --only {options.only}"
        figures = {**json.loads(recorded.read_text()), options.only: figures[options.only]}
        figures["since"] = {**figures.get("since", {}), options.only: run}
    else:
        figures |= run
    for table in page.tables(figures).values():
        print(f"\n{table}")
    if options.dry_run:
        sys.exit()
    page.FOLDER.mkdir(exist_ok=True)
    recorded.write_text(json.dumps(figures, indent=1) + "\n")
    (page.FOLDER / "day.svg").write_text(
        diagram.draw(f"{study.DEFAULT:,} shops, three times the customers from 12:15 to 12:35", chart())
    )
    page.PAGE.write_text(page.rendered(page.PAGE.read_text(), figures))


if __name__ == "__main__":
    main()
