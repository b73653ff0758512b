"""The protocol between agent and engine: every frame comes back whole, a broken one is refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.errors import InvalidFrame
from kiosk.voice.framing import MOST_SOUND, frame, read

HEADERS = st.dictionaries(st.text().filter(lambda name: name != "bytes"), st.text() | st.integers() | st.none())


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=2000)), max_size=5))
def test_frames_come_back_in_order(frames: list[tuple[dict[str, object], bytes]]) -> None:
    """Headers of any text, bodies of any bytes, line ends among them."""
    stream = io.BytesIO(b"".join(frame(header, body) for header, body in frames))

    assert [read(stream) for _ in frames] == frames
    assert read(stream) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello\n", "is no JSON object"),
        (b"[1]\n", "is no JSON object"),
        (b'{"do": "stop"}', "a header without its end"),
        (b'{"bytes": 4}\nab', "2 bytes of 4"),
        (b'{"bytes": -1}\n', f"bytes must be 0 to {MOST_SOUND}, not -1"),
        (b'{"bytes": 9999999}\n', f"bytes must be 0 to {MOST_SOUND}, not 9999999"),
        (b'{"bytes": "4"}\n', f"bytes must be 0 to {MOST_SOUND}, not '4'"),
    ],
)
def test_a_broken_frame_is_refused(data: bytes, message: str) -> None:
    """No header is guessed, and none asks for more memory than a listening has."""
    with pytest.raises(InvalidFrame, match=message):
        read(io.BytesIO(data))
