"""Benchmarks, as ratios within one run, and the scripts that reproduce published figures."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

_HELP = {"-h", "--help"}


def _help_of(arguments: list[str]) -> str | None:
    """The text of `python -m bench.X --help` for a program without options: its docstring.

    Read from the source: some of these programs run with other packages than this project's, and importing or running
    one takes minutes. None for another command; argparse answers for a program with options.
    """
    if "-m" not in arguments or not _HELP & set(arguments):
        return None
    name, *given = arguments[arguments.index("-m") + 1 :]
    if not name.startswith("bench.") or not _HELP & set(given):
        return None
    base = Path(__file__).parent.joinpath(*name.split(".")[1:])
    source = next((path for path in (base.with_suffix(".py"), base / "__main__.py") if path.exists()), None)
    if source is None or "ArgumentParser(" in (text := source.read_text(encoding="utf-8")):
        return None
    return f"usage: python -m {name}\n\n{ast.get_docstring(ast.parse(text)) or ''}"


if (_text := _help_of(sys.orig_argv)) is not None:
    print(_text)
    raise SystemExit(0)
