"""The report of bench.peers, and its tables in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.__main__ import processor
from bench.peers.load import AT_A_TIME
from bench.peers.processes import ROOT
from bench.training import TRAINER
from contracts.instants import now
from day0.card import filled

FILE: Final = Path(__file__).with_name("report.json")
PAGE: Final = ROOT / "docs" / "performance.md"
OURS: Final = "nunchi"
PACKAGES: Final = {"bentoml": "bentoml", "litserve": "litserve", "ray_serve": "ray"}  # environment → package
SHARED: Final = "onnxruntime"
ONCE: Final = ("processor ms a photo, 4", "memory, MB", "first answer, s")
COMPARED: Final = {
    "photos_a_second": "photos a second",
    "p50_ms": "p50",
    "p95_ms": "p95",
    "work_ms": "processor time a photo",
}


def of(
    rounds: Sequence[Mapping[str, Any]],
    *,
    missing: Mapping[str, str],
    load: Mapping[str, Any],
    photos: int,
    people: int,
) -> dict[str, Any]:
    """The report of these rounds."""
    return {
        "date": f"{now():%Y-%m-%d}",
        "machine": f"{os.cpu_count()} × {processor()}, {platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "versions": versions(),
        "load": dict(load),
        "photos": photos,
        "people": people,
        "missing": dict(missing),
        "rounds": [_rounded(each) for each in rounds],
    }


def versions() -> dict[str, str]:
    """Of what is installed in the environments of the peers, and of the worker's engine."""
    found = {}
    environments = {ROOT / f".venv-peer-{name}": [package, SHARED] for name, package in PACKAGES.items()}
    environments |= {TRAINER.parent: ["ultralytics", "torch"], ROOT / ".venv": [SHARED]}
    for folder, packages in environments.items():
        for package in packages:
            for metadata in folder.glob(f"lib/python*/site-packages/{package}-*.dist-info"):
                name, _, version = metadata.name.removesuffix(".dist-info").partition("-")
                found[name] = version
    return dict(sorted(found.items()))


def write(report: Mapping[str, Any]) -> None:
    """Replace the report, and the tables in the page."""
    FILE.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables(report)), encoding="utf-8")


def load() -> dict[str, Any]:
    """The report in the repository."""
    report: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return report


def tables(report: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the page by their markers: the run, medians of the rounds, and medians of the rounds' ratios."""
    names = sorted({name for each in report["rounds"] for name in each}, key=_order(report))
    return {"peers run": _run(report), "peers": _figures(report, names), "peers ratios": _ratios(report, names)}


def ratios(report: Mapping[str, Any], name: str) -> dict[str, float]:
    """How many times better the worker is than a peer: median of the rounds; over 1, the worker is ahead."""
    found: dict[str, list[float]] = {}
    for each in report["rounds"]:
        for title, (mine, other, more_is_better) in _pairs(each[OURS], each[name]).items():
            found.setdefault(title, []).append(mine / other if more_is_better else other / mine)
    return {title: statistics.median(values) for title, values in found.items()}


def line(name: str, figures: Mapping[str, Any]) -> str:
    """A server's round for people."""
    loads = "   ".join(
        f"{at_once}: {row['photos_a_second']:5.1f}/s {row['p50_ms']:4.0f} / {row['p95_ms']:4.0f} ms, "
        f"{row['work_ms']:3.0f} of work"
        for at_once in AT_A_TIME
        for row in [figures[str(at_once)]]
    )
    return f"{name:<20} {loads}   {figures['mb']:5.0f} MB   {figures['cold_s']:5.1f} s cold"


def _pairs(mine: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[float, float, bool]]:
    pairs = {
        f"{title}, {at_once}": (mine[at_once][key], other[at_once][key], key == "photos_a_second")
        for key, title in COMPARED.items()
        for at_once in map(str, AT_A_TIME)
    }
    return {
        **pairs,
        "memory": (mine["mb"], other["mb"], False),
        "first answer": (mine["cold_s"], other["cold_s"], False),
    }


def _run(report: Mapping[str, Any]) -> str:
    load, versions = report["load"], ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    waited = (
        ""
        if load["some_program_waited"] is None
        else f", and in {load['some_program_waited']:.0%} of the time a program waited for a processor"
    )
    missing = "".join(f" {name} was not measured: {reason}." for name, reason in report["missing"].items())
    return (
        f"{report['date']}, {report['machine']}, Python {report['python']}; load averages {load['load'][0]} before and "
        f"{load['load'][1]} after the run, which is itself a load{waited}. {len(report['rounds'])} rounds of "
        f"{report['photos']} photos at each load. {versions}.{missing}"
    )


def _figures(report: Mapping[str, Any], names: Sequence[str]) -> str:
    heads = [f"{what}, {at_once}" for what in ("photos/s", "p50 / p95 ms") for at_once in AT_A_TIME]
    rows = ["| at a time | " + " | ".join([*heads, *ONCE]) + " |", "|---|" + "---:|" * 9]
    for name in names:
        figures = [each[name] for each in report["rounds"] if name in each]
        rates = [f"{_median(figures, at_once, 'photos_a_second'):.1f}" for at_once in AT_A_TIME]
        times = [
            f"{_median(figures, at_once, 'p50_ms'):.0f} / {_median(figures, at_once, 'p95_ms'):.0f}"
            for at_once in AT_A_TIME
        ]
        held, cold = (statistics.median(each[key] for each in figures) for key in ("mb", "cold_s"))
        work = f"{_median(figures, 4, 'work_ms'):.0f}"
        rows.append(f"| {_title(name)} | {' | '.join([*rates, *times, work, f'{held:.0f}', f'{cold:.1f}'])} |")
    return "\n".join(rows)


def _ratios(report: Mapping[str, Any], names: Sequence[str]) -> str:
    peers = [name for name in names if name != OURS]
    columns = {name: ratios(report, name) for name in peers}
    rows = ["| the worker is ahead by | " + " | ".join(map(_title, peers)) + " |", "|---|" + "---:|" * len(peers)]
    for title in next(iter(columns.values()), {}):
        cells = [f"{columns[name][title]:.2f}" for name in peers]
        rows.append(f"| {title} | {' | '.join(cell if float(cell) >= 1 else f'**{cell}**' for cell in cells)} |")
    return "\n".join(rows)


def _median(figures: Sequence[Mapping[str, Any]], at_once: int, key: str) -> float:
    return statistics.median(each[str(at_once)][key] for each in figures)


def _title(name: str) -> str:
    return "**the worker**" if name == OURS else name


def _order(report: Mapping[str, Any]) -> Any:
    first = list(report["rounds"][0])
    return lambda name: first.index(name) if name in first else len(first)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 2) if isinstance(value, float) else value
