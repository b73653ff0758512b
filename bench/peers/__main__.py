"""The worker and other servers of models, with one network and the same photos, in one run.

    python -m bench.peers [--rounds 3] [--photos 64] [--only nunchi,litserve] [--write]

`make peers` installs BentoML, LitServe and Ray Serve, each in an environment of its own, and `make trainer`
ultralytics. A server that is not installed is named, and not measured.

In each round the servers take turns: a new process, the time to its first answer, a check that it answers each photo as
the worker does, 1, 4 and 16 photos at a time, and the memory of all its processes afterwards. All have the same two
processors, which they share with this program. `--write` puts the figures into bench/peers/report.json and
docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.kiosk.load import Load
from bench.peers import report
from bench.peers.load import AT_A_TIME, closed_loop, differences, first_answer, in_turn
from bench.peers.ours import Ours
from bench.peers.processes import ServerFailed
from bench.peers.servers import Found, HttpPeer, Server, Ultralytics
from bench.peers.setting import BATCHES, PROCESSORS, TWO_PROCESSES, Material, PeerSetting

DISTINCT = 16  # photos


def bento(name: str, setting: PeerSetting) -> HttpPeer:
    """BentoML, by its command line."""
    command = ["bentoml", "serve", "bench.peers.bentoml.service:YoloService", "--host", "127.0.0.1", "--port", "{port}"]
    return HttpPeer(name, ".venv-peer-bentoml", command, setting, path="/predict", field="photos")


def litserve(name: str, setting: PeerSetting) -> HttpPeer:
    """LitServe, by its Python program."""
    command = ["bench.peers.litserve.server"]
    return HttpPeer(name, ".venv-peer-litserve", command, setting, path="/predict", field="photo")


def ray(name: str, setting: PeerSetting) -> HttpPeer:
    """Ray Serve, by its Python program."""
    return HttpPeer(name, ".venv-peer-ray_serve", ["bench.peers.ray_serve.server"], setting, path="/", field=None)


def servers() -> list[Server]:
    """The worker first; each peer in batches of photos, and as two processes of one thread without batches."""
    kinds = {"bentoml": bento, "litserve": litserve, "ray serve": ray}
    settings = {"batches": BATCHES, "processes": TWO_PROCESSES}
    peers = [kind(f"{name}, {how}", setting) for name, kind in kinds.items() for how, setting in settings.items()]
    return [Ours(), *peers, Ultralytics()]


async def measure(server: Server, material: Material, photos: int, expected: list[Found]) -> dict[str, Any]:
    """One round of a server; `expected` are the worker's answers, empty before it has given them."""
    async with server.serving(material) as serving:
        cold_s = await first_answer(serving)
        answers = [await serving.ask(0, number) for number in range(len(material.photos))]
        if different := differences(expected or answers, answers):
            raise ServerFailed("it answers otherwise than the worker:\n" + "\n".join(different))
        expected[:] = expected or answers
        for at_once in AT_A_TIME:  # warm up: every connection, every size of a batch
            await closed_loop(serving, in_turn(len(material.photos), 2 * at_once), at_once)
        rows = {}
        for at_once in AT_A_TIME:
            rows[str(at_once)] = await closed_loop(serving, in_turn(len(material.photos), photos), at_once)
        return {"cold_s": cold_s, "mb": serving.tree.megabytes(), **rows}


def main() -> None:
    """Measure, print, and with --write rewrite report and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=64, help="photos at each load, in each round")
    parser.add_argument("--only", help="names of servers, or their beginnings, with commas; the worker is always there")
    parser.add_argument("--write", action="store_true", help="into bench/peers/report.json and docs/performance.md")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server outlives this program
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    begins = tuple(options.only.split(",")) if options.only else ("",)
    chosen = [server for server in servers() if server.name == Ours.name or server.name.startswith(begins)]
    missing = {server.name: reason for server in chosen if (reason := server.missing()) is not None}
    for name, reason in missing.items():
        print(f"{name} is not measured: {reason}")
    load, rounds = Load(), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory(prefix="nb-") as folder:
        material = Material.drawn(Path(folder), DISTINCT)
        expected: list[Found] = []
        for number in range(options.rounds):
            figures = {}
            for server in chosen:
                if server.name in missing:
                    continue
                try:
                    figures[server.name] = asyncio.run(measure(server, material, options.photos, expected))
                except (ServerFailed, ConnectionError) as error:
                    if server.name == Ours.name:
                        raise SystemExit(f"bench: the worker failed, so nothing was measured: {error}") from error
                    missing[server.name] = str(error).splitlines()[0]
                    print(f"round {number + 1}: {server.name} is not measured: {error}", flush=True)
                    continue
                print(f"round {number + 1}: {report.line(server.name, figures[server.name])}", flush=True)
            rounds.append(figures)
        rounds = [{name: row for name, row in figures.items() if name not in missing} for figures in rounds]
        if not any(expected):
            raise SystemExit("bench: no person in any photo, so that equal answers prove nothing; nothing was measured")
    people = sum(map(len, expected))
    found = report.of(rounds, missing=missing, load=load.since(), photos=options.photos, people=people)
    print("\n\n".join(report.tables(found).values()))
    if options.write:
        report.write(found)


if __name__ == "__main__":
    main()
