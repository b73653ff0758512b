"""The port of the voice: what the agent asks of any engine that hears words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Listening:
    """One push of the button. `expect`: kinds of words that mean something now; `dish`: the dish that is open."""

    id: str
    language: str
    expect: tuple[str, ...]
    dish: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard. `words`: dish ids, count-1 to count-9, yes, no, cancel, done, again, here, away."""

    status: Literal["understood", "nothing", "cancelled"]
    words: tuple[str, ...]


class Voice(Protocol):
    """An engine that hears words of a menu. One listening at a time."""

    @property
    def available(self) -> bool:
        """Whether it can listen now."""
        ...

    async def start(self, listening: Listening) -> None:
        """Begin to listen; a listening that still runs is dropped."""
        ...

    async def feed(self, id: str, pcm: bytes) -> None:
        """More sound: 16 kHz, mono, signed 16 bit, little-endian. Of another listening it is ignored."""
        ...

    async def stop(self, id: str) -> Heard:
        """The sound has ended: what was heard."""
        ...
