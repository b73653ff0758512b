"""Options of a local cloud: ports, mode, number of workers, retraining."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.mode import Mode
from config.sections import InferenceSettings, RetentionSettings, ScreenSettings
from fleet.folder import ShopRules
from local.errors import InvalidOptions
from recipes.reading import KIOSK


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Ports to listen on; None takes a free one. `worker_broker` is the port at which the worker reaches the broker: a
    proxy there lets a test cut the worker's network."""

    gateway: int | None = None
    screen: int | None = None
    mqtt: int | None = None
    worker_broker: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudOptions:
    """Mode, number of workers, their recipe and settings of inference, whether it can retrain, the shop's rules."""

    mode: Mode = Mode.COMMAND
    workers: int = 1
    training: bool = False
    recipe: str = KIOSK
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    rules: ShopRules = field(
        default_factory=lambda: ShopRules(
            elder_from=ScreenSettings().elder_from, **RetentionSettings.model_validate({}).model_dump()
        )
    )

    def __post_init__(self) -> None:
        if self.workers > 1 and self.mode is not Mode.QUEUE:
            raise InvalidOptions(
                f"--workers {self.workers} needs mode queue: in mode {self.mode} one instance gets every photo; "
                "nothing was started. Add --mode queue"
            )
