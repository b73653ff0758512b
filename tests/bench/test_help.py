"""`python -m bench --help`, and that of each program: a person reads before something runs for minutes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import PROGRAMS

ROOT = Path(__file__).parents[2]


def programs() -> list[str]:
    """Every module of bench that runs as a program."""
    found = []
    for path in sorted((ROOT / "bench").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.name == "__main__.py" or '\nif __name__ == "__main__":' in path.read_text():
            found.append(".".join(part for part in parts if part != "__main__"))
    return found


def first_sentence(program: str) -> str:
    path = ROOT.joinpath(*program.split("."))
    source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__main__.py"
    return (ast.get_docstring(ast.parse(source.read_text())) or "").split()[0]


def test_programs_are_found() -> None:
    """Without programs the next test would pass."""
    assert {"bench", "bench.scaling", "bench.students_yolov5", "bench.voice.listen", *PROGRAMS} <= set(programs())


@pytest.mark.parametrize("program", programs())
def test_help_is_printed_and_nothing_starts(program: str, tmp_path: Path) -> None:
    """Also of a program that runs with packages of another environment, and of one that takes no options."""
    told = subprocess.run(
        [sys.executable, "-m", program, "--help"],
        cwd=ROOT,
        env={"PATH": "/nowhere", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("usage: ")
    assert first_sentence(program) in told.stdout
    assert "round 1" not in told.stdout
    assert "===" not in told.stdout


def test_help_of_all_names_each_program() -> None:
    told = subprocess.run([sys.executable, "-m", "bench", "-h"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [program for program in PROGRAMS if f"python -m {program}\n" not in told.stdout] == []
