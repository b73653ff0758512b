"""What a cloud tells, line by line."""

from __future__ import annotations

from pathlib import Path

from local.progress import Kind, Progress, Reader


def test_a_reader_gets_each_line_once_and_whole(tmp_path: Path) -> None:
    """Also those written between two looks; a line that is still being written waits."""
    path = tmp_path / "progress.jsonl"
    reader = Reader(path)
    assert list(reader.new()) == []
    progress = Progress(path)
    progress.say(Kind.PHASE, "one 눈치")
    assert [(line.kind, line.text) for line in reader.new()] == [(Kind.PHASE, "one 눈치")]
    progress.say(Kind.NOTE, "two")
    progress.say(Kind.READY, "three")
    with path.open("a") as file:
        file.write('{"kind": "no')
    assert [line.text for line in reader.new()] == ["two", "three"]
    assert list(reader.new()) == []
