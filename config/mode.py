"""How photos reach a worker: apart from the settings, whose models take pydantic a third of a second to make."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How photos reach a worker."""

    COMMAND = "command"
    QUEUE = "queue"
