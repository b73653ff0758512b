"""How a stage reports its progress to the run."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[int, int, str], None]  # done, total, a sentence for people


def silent(done: int, total: int, note: str) -> None:
    """Report to no one."""
