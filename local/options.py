"""What a caller asks of a cloud: where it listens, how photos reach workers, how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.mode import Mode
from config.sections import InferenceSettings
from local.errors import InvalidOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Where to listen; None takes a free port. `worker_broker` is where the worker looks for the broker: a port of a
    proxy in between lets a test cut the worker's network."""

    gateway: int | None = None
    mqtt: int | None = None
    worker_broker: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudOptions:
    """How photos reach workers, how many there are and what they decide by, and whether the cloud can retrain."""

    mode: Mode = Mode.COMMAND
    workers: int = 1
    training: bool = False
    inference: InferenceSettings = field(default_factory=InferenceSettings)

    def __post_init__(self) -> None:
        if self.workers > 1 and self.mode is not Mode.QUEUE:
            raise InvalidOptions(
                f"--workers {self.workers} needs mode queue: in mode {self.mode} one instance gets every photo; "
                "nothing was started. Add --mode queue"
            )
