"""What a cloud tells, line by line."""

from __future__ import annotations

from pathlib import Path

from local.progress import Kind, ProgressLog, Reader, failure


def test_a_reader_gets_each_line_once_and_whole(tmp_path: Path) -> None:
    """Also those written between two looks; a line that is still being written waits."""
    path = tmp_path / "progress.jsonl"
    reader = Reader(path)
    assert list(reader.new()) == []
    progress = ProgressLog(path)
    progress.say(Kind.PHASE, "one 눈치")
    assert [(line.kind, line.text) for line in reader.new()] == [(Kind.PHASE, "one 눈치")]
    progress.say(Kind.NOTE, "two")
    progress.say(Kind.READY, "three")
    with path.open("a") as file:
        file.write('{"kind": "no')
    assert [line.text for line in reader.new()] == ["two", "three"]
    assert list(reader.new()) == []


def test_a_reader_begins_anew_when_another_cloud_writes(tmp_path: Path) -> None:
    """Whether its file is shorter than the earlier one by then, or longer."""
    path = tmp_path / "progress.jsonl"
    reader = Reader(path)
    ProgressLog(path).say(Kind.FAILED, "the first")
    assert [line.text for line in reader.new()] == ["the first"]
    second = ProgressLog(path)
    assert list(reader.new()) == []
    second.say(Kind.PHASE, "2")
    assert [line.text for line in reader.new()] == ["2"]
    third = ProgressLog(path)
    for number in range(3):
        third.say(Kind.PHASE, f"the third, {number}")
    assert [line.text for line in reader.new()] == ["the third, 0", "the third, 1", "the third, 2"]


def test_a_cloud_that_ended_by_itself_has_said_why(tmp_path: Path) -> None:
    """One that was stopped, or has not ended, has not."""
    path = tmp_path / "progress.jsonl"
    assert failure(path) is None
    progress = ProgressLog(path)
    assert failure(path) is None
    progress.say(Kind.READY, "up")
    assert failure(path) is None
    progress.say(Kind.FAILED, "ministack ended")
    assert failure(path) == "ministack ended"
