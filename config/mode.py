"""The mode, apart from the settings: importing their pydantic models takes a third of a second."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How photos reach a worker."""

    COMMAND = "command"
    QUEUE = "queue"
