"""python -m bench.kiosk [device] [cloud] [memory] [soak]: the kiosk as customers meet it; without a part, all of them.

device, cloud   person appears → screen changed, with the model on the box, and over a local cloud: five minutes each
memory          agent and page over 1,000 customers: half an hour
soak            two hours of a shop in fast time: half an hour

Each part writes its figures into bench/kiosk/report.json, beside those of the others, and the tables of
docs/performance.md. Close other programs: times are as the processors were free.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from bench.__main__ import processor
from bench.kiosk import arrivals, memory, report, soak
from bench.kiosk.agent import agent, folder_alone
from bench.kiosk.load import Load
from bench.kiosk.page import camera_script, chromium, scenes, shown
from bench.path import nunchi
from tests.kiosk.screen.page.conftest import serving


def main() -> None:
    """Measure, and write each part as soon as it is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.kiosk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--each", type=int, default=4, help="arrivals of each of the eight portraits")
    parser.add_argument("--customers", type=int, default=1000, help="of the part memory")
    parser.add_argument("--minutes", type=float, default=120, help="memory and soak end after so many, with less")
    parser.add_argument("--hours", type=float, default=2, help="of shop time, of the part soak")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        print(f"\n{name}: {len(options.parts or PARTS)} parts in all", flush=True)
        load, began = Load(), time.monotonic()
        with tempfile.TemporaryDirectory(prefix="nunchi-bench-") as folder:
            measured = PARTS[name](Path(folder), options)
        report.write({name: measured | {"run": load.since() | _machine(time.monotonic() - began)}})


def _device(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with agent(folder_alone(folder / "device"), folder / "state", labeller="device") as running:
        return arrivals.measure(running, each=options.each)


def _cloud(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    state, device = folder / "cloud", folder / "device"
    with ExitStack() as ends:
        nunchi("up", "--detach", "--state", str(state))
        ends.callback(nunchi, "down", "--state", str(state))
        nunchi("kiosk", "add", "bench", "--local", "--state", str(state), "--out", str(device))
        running = ends.enter_context(agent(device, folder / "state", labeller="cloud"))
        return arrivals.measure(running, each=options.each)


def _memory(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with agent(
        folder_alone(folder / "device"), folder / "state", labeller="device", settings=memory.SETTINGS
    ) as running:
        return memory.measure(running, customers=options.customers, within_s=60 * options.minutes)


def _soak(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with serving(folder) as kiosk, chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        opened = shown(context, script=camera_script(scenes(soak.PEOPLE), fps=soak.FPS, size=soak.PICTURE))
        opened.page.clock.install()
        opened.page.goto(kiosk.url)
        opened.shows(ready="yes", step="attract")
        return soak.Soak(opened, kiosk).run(
            seconds=3600 * options.hours,
            within_s=60 * options.minutes,
            note=lambda line: print(f"  {line}", flush=True),
        )


PARTS: Final[dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]]] = {
    "device": _device,
    "cloud": _cloud,
    "memory": _memory,
    "soak": _soak,
}


def _machine(took_s: float) -> dict[str, Any]:
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "took_s": round(took_s),
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "playwright": metadata.version("playwright"),
    }


if __name__ == "__main__":
    main()
