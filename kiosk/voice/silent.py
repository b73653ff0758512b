"""The voice of a kiosk without an engine: it is not there, and says so."""

from __future__ import annotations

from kiosk.errors import VoiceMissing
from kiosk.voice.port import Heard, Listening

NOTHING = Heard("nothing", ())


class NoVoice:
    """A voice that is never available. The page shows no microphone then."""

    available = False

    async def run(self) -> None:
        """Nothing to keep alive."""

    async def start(self, listening: Listening) -> None:
        """Refuse: VoiceMissing."""
        raise VoiceMissing(
            f"listening {listening.id}: this kiosk has no voice engine; touch works, `make voice` installs one"
        )

    async def feed(self, id: str, pcm: bytes) -> None:
        """Ignore the sound."""

    async def stop(self, id: str) -> Heard:  # noqa: ARG002  (the port names it)
        """Nothing was heard."""
        return NOTHING
