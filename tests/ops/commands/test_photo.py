"""What `nunchi send` and `nunchi watch` show, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from contracts.names import Reference, new_image_id
from kiosk.cloud.counter import Answer
from kiosk.errors import NoAnswer
from local.errors import CloudDown
from local.state import Hold, StateDir
from ops.commands.photo import clock_words, live_answers, show_all
from recipes.kiosk.message import LabelMessage
from tests.kiosk.cloud.test_counter import nobody
from tests.local.test_state import record
from tests.recipes.kiosk.test_message import GOLDEN
from tests.waiting import until_async

MESSAGE = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"))
ANSWER = Answer(MESSAGE, upload_ms=1.0, total_ms=1234.0)


def test_a_terminal_shows_each_answer_as_it_comes() -> None:
    """Not only after the last photo."""
    console = Console(file=(file := StringIO()), width=110, soft_wrap=True, force_terminal=True)
    with live_answers(console, elder_from=0.4) as tell:
        tell(Path("one.jpg"), ANSWER)
        assert "one.jpg" in file.getvalue()
        tell(Path("two.jpg"), ANSWER)
        assert "two.jpg" in file.getvalue()


def test_a_pipe_gets_the_table_once() -> None:
    """No cursor moves, no row twice, and the legend below."""
    console = Console(file=(file := StringIO()), width=110, soft_wrap=True)
    with live_answers(console, elder_from=0.4) as tell:
        tell(Path("one.jpg"), ANSWER)
        tell(Path("two.jpg"), ANSWER)
    assert [line.split()[0] for line in file.getvalue().splitlines()] == [
        "photo",
        "one.jpg",
        "two.jpg",
        "Times",
        "no_person:",
        "screen:",
    ]


def test_of_more_answers_than_lines_a_terminal_shows_the_latest_and_in_the_end_all() -> None:
    """So that a long `send` never looks stuck."""
    console = Console(file=(file := StringIO()), width=110, height=10, soft_wrap=True, force_terminal=True)
    with live_answers(console, elder_from=0.4) as tell:
        for number in range(30):
            file.truncate(0)
            tell(Path(f"{number}.jpg"), ANSWER)
            assert f"{number}.jpg" in file.getvalue()
        assert "\n0.jpg" not in file.getvalue()
    assert all(f"{number}.jpg" in file.getvalue() for number in range(30))


@pytest.mark.parametrize("terminal", [True, False])
def test_an_interruption_keeps_the_answers_that_came(terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Also why there was none."""
    console = Console(file=(file := StringIO()), width=110, soft_wrap=True, force_terminal=terminal)
    with pytest.raises(KeyboardInterrupt), live_answers(console, elder_from=0.4) as tell:
        tell(Path("one.jpg"), ANSWER)
        tell(Path("[two].jpg"), NoAnswer("no label in time"))
        raise KeyboardInterrupt
    assert "no_person" in file.getvalue()
    assert "[two].jpg" in file.getvalue()
    assert capsys.readouterr().err == "[two].jpg: no label in time\n"


def test_before_the_first_answer_there_is_no_table() -> None:
    """An error then stands alone."""
    console = Console(file=(file := StringIO()), width=110, soft_wrap=True, force_terminal=True)
    with pytest.raises(CloudDown), live_answers(console, elder_from=0.4):
        raise CloudDown("no cloud is up")
    assert file.getvalue() == ""


class Line:
    """A subscriber whose connection is lost after its first label."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.lost = asyncio.Event()

    async def labels(self) -> AsyncIterator[LabelMessage]:
        self.subscribed.set()
        yield MESSAGE
        await self.lost.wait()
        self.subscribed.clear()
        await asyncio.Event().wait()


@pytest.mark.anyio
async def test_watch_says_once_that_the_connection_is_lost_and_ends_with_its_cloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As long as somebody holds the cloud, the connection may come back."""
    monkeypatch.setattr("ops.commands.photo.LOOK_EVERY_S", 0.01)
    folder, line = StateDir(tmp_path), Line()
    heard: list[LabelMessage] = []
    with Hold(folder):
        folder.write(record(tmp_path))
        watching = asyncio.create_task(show_all(folder, line, heard.append))
        await until_async(lambda: heard == [MESSAGE])
        await asyncio.sleep(0.05)  # some looks
        line.lost.set()
        said = ""

        def has_said() -> bool:
            nonlocal said
            said += capsys.readouterr().err
            return bool(said)

        await until_async(has_said)
        await asyncio.sleep(0.05)  # some more looks
        assert not watching.done()
    with pytest.raises(CloudDown, match="no cloud is up in"):
        await asyncio.wait_for(watching, 60)
    assert heard == [MESSAGE]
    assert said + capsys.readouterr().err == "connection lost, trying again\n"


@pytest.mark.parametrize(
    ("named", "captured", "upload_step_ms", "words"),
    [
        (0, 0, 80.0, None),
        (1, 0, 0.0, None),
        (3600, 0, 0.0, "1:00:00 ahead of"),
        (-3600, 0, 0.0, "1:00:00 behind"),
        (-300, -300, 300_080.0, "0:05:00 behind"),
    ],
)
def test_a_clock_that_is_wrong_gets_words(
    named: float, captured: float, upload_step_ms: float, words: str | None
) -> None:
    """By the time in the photo's id, and the step `upload` of its message, in seconds from the true time."""
    at = GOLDEN.captured_at
    message = replace(
        GOLDEN,
        reference=Reference("demo", new_image_id(at + timedelta(seconds=named))),
        captured_at=at + timedelta(seconds=captured),
        steps_ms={**GOLDEN.steps_ms, "upload": upload_step_ms},
    )
    said = clock_words(Answer(message, upload_ms=80.0, total_ms=900.0))
    assert (said is None) if words is None else (said is not None and f"is about {words} the cloud's" in said)
