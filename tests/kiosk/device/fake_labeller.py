"""A labeller that answers what a test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from kiosk.device.health import Trouble
from kiosk.errors import NoAnswer
from recipes.kiosk.message import LabelMessage


@dataclass
class FakeLabeller:
    """Answers with `answer` after `after_s`; an exception is raised."""

    answer: LabelMessage | Exception
    after_s: float = 0
    asked: list[float] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    async def ask(self, photo: bytes, *, timeout_s: float) -> LabelMessage:  # noqa: ARG002
        self.asked.append(timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.sleep(self.after_s)
        except TimeoutError:
            raise NoAnswer("late") from None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def run(self) -> None:
        await asyncio.Event().wait()
