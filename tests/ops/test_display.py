"""What people see of a message."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from contracts.names import Reference
from ops.display import answer_row, answers_table, message_line
from tests.kiosk.test_counter import nobody


def shown(thing: object) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(thing)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_table_of_answers_fits_a_terminal_of_eighty_columns() -> None:
    """With a long file name, and steps that were not timed."""
    message = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"))
    table = answers_table(80)
    table.add_row(*answer_row("a-very-long-name-of-a-photo[1].jpg", message, 123.4))
    lines = shown(table).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "no_person" in lines[1]
    assert lines[1].endswith("123")


def test_a_line_of_watch_names_photo_and_answer() -> None:
    """What `nunchi watch` prints for each message."""
    message = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"))
    assert shown(message_line(message)) == "demo/01jd8v2k5e9m3x7q4r6t0w1y2z  no_person no_face_found  0 ms\n"
