"""What commands print: as wide as it is in a file, as wide as the terminal on one, and never silent for long."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.cells import cell_len

from ops.display import LINE_EVERY_S, OutputConsole, ProgressLines, counted, counted_are, padded, plain_table

RUN = "20261122t163906z-yolov5n-4816d2"
WHY = "calls young women old, and two men at the door adults; the next training has their photos"


def printed(*, terminal: bool, columns: int | None = None) -> list[str]:
    """The lines of a table of runs."""
    console = OutputConsole(
        file=StringIO(), force_terminal=terminal, color_system=None, highlight=False, soft_wrap=True
    )
    if columns is not None:
        console.size = (columns, 40)
    table = plain_table("run", "pictures", "why", right=("pictures",))
    table.add_row(RUN, "12,345", WHY)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_a_table_in_a_file_is_whole() -> None:
    """One line a row: for grep, and for a mail."""
    assert printed(terminal=False)[1] == f"{RUN}    12,345  {WHY}"


def test_columns_in_the_environment_limit_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(terminal=False)
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_table_on_a_terminal_is_folded_and_loses_nothing(columns: int) -> None:
    """No letter of a name or reason is cut off, and no number is broken."""
    lines = printed(terminal=True, columns=columns)
    assert max(cell_len(line) for line in lines) <= columns
    text = "".join("".join(lines[1:]).split())
    assert "…" not in text
    assert sorted(text) == sorted(f"{RUN}12,345{WHY}".replace(" ", ""))
    assert "12,345" in lines[1]


def test_progress_off_a_terminal_is_a_line_every_few_seconds() -> None:
    """What ends sooner prints none; a count without a total prints its note."""
    seconds, lines = [0.0], list[str]()
    say = ProgressLines(lambda: seconds[0], lines.append)
    for step in range(1, 8):
        seconds[0] = step * LINE_EVERY_S / 2
        say(step * 1000, 7000 if step < 6 else 0, "photos are read")
    assert lines == ["photos are read: 2,000 of 7,000", "photos are read: 4,000 of 7,000", "photos are read"]


def test_a_noun_agrees_with_its_number() -> None:
    assert [counted_are(number, "photo") for number in (1, 2)] == ["1 photo is", "2 photos are"]
    assert [counted(number, "photo") for number in (0, 1, 2, 1200)] == [
        "0 photos",
        "1 photo",
        "2 photos",
        "1,200 photos",
    ]


def test_a_padded_text_has_the_columns_of_a_terminal() -> None:
    assert [cell_len(padded(text, 12)) for text in ("할머니", "grandma", "")] == [12, 12, 12]
