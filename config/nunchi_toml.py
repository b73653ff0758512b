"""nunchi.toml: the operator's settings. They are validated before synthesis, and every mistake is reported at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError, model_validator

from config.instance_types import check_gpu_type, default_training
from config.mistakes import find_mistakes
from config.mode import Mode
from config.opening_hours import Window
from config.sections import (
    AlarmSettings,
    AvailabilityZone,
    HoursSettings,
    InferenceSettings,
    QueueSettings,
    RecipeName,
    Region,
    RetentionSettings,
    ScreenSettings,
    Section,
    SecuritySettings,
    TagKey,
    TrainingSettings,
)
from contracts.errors import SettingsError
from contracts.toml_file import read_toml
from recipes.reading import KIOSK
from recipes.reading import load as load_recipe

ROOT: Final = Path(__file__).resolve().parents[1]
FILE_VARIABLE: Final = "NUNCHI_CONFIG"
DEFAULT_FILE: Final = ROOT / "nunchi.toml"
RELATED: Final = ("mode", "hours", "recipe")  # of the rules between sections


class Config(Section):
    """Every setting of the file."""

    region: Region = Field("ap-northeast-2", description="AWS region")
    mode: Mode = Field(
        Mode.COMMAND,
        description="command: one instance, reached by Run Command; queue: a group of instances that reads SQS",
    )
    recipe: RecipeName = Field(KIOSK, description="what is looked for and asked: a folder of recipes/")
    zones: tuple[AvailabilityZone, ...] = Field(
        (),
        description="availability zones of the instances; empty: the first two of the region. Mode command uses the "
        "first; `nunchi preflight` shows which have the instance types",
    )
    tags: Annotated[Mapping[TagKey, str], Field(description="on every resource that can have tags")] = {
        "project": "nunchi"
    }
    hours: HoursSettings = HoursSettings()
    inference: InferenceSettings = InferenceSettings()
    screen: ScreenSettings = ScreenSettings()
    queue: QueueSettings = QueueSettings()
    training: TrainingSettings = TrainingSettings()
    retention: RetentionSettings = RetentionSettings()
    alarms: AlarmSettings = AlarmSettings()
    security: SecuritySettings = SecuritySettings()

    @model_validator(mode="after")
    def _zones_are_of_the_region(self) -> Config:
        if foreign := [zone for zone in self.zones if not zone.startswith(self.region)]:
            raise ValueError(f"zones has {', '.join(foreign)}, which {self.region} lacks; write {self.region}a")
        if len(set(self.zones)) < len(self.zones):
            raise ValueError("zones names one zone twice; name each once")
        return self

    @model_validator(mode="after")
    def _holidays_need_one_instance(self) -> Config:
        if self.mode is Mode.QUEUE and self.hours.closed_dates:
            raise ValueError(
                "closed_dates work in mode command only: a group replaces each instance that powers off; remove them, "
                "an idle morning costs less than a cent an instance"
            )
        return self

    @model_validator(mode="after")
    def _the_trainer_needs_a_gpu(self) -> Config:
        if self.training.instance_type and self.needs_trainer:
            try:
                check_gpu_type(self.training.instance_type)
            except ValueError as error:
                raise ValueError(
                    f"training.instance_type {error}. A retraining of the recipe {self.recipe} needs one; empty, the "
                    "type fits the recipe"
                ) from None
        return self

    @property
    def needs_trainer(self) -> bool:
        """Whether a retraining needs the trainer's environment, and so a GPU, its driver and a larger disk."""
        return load_recipe(self.recipe).needs_trainer

    @property
    def training_type(self) -> str:
        """The EC2 type of a retraining: the operator's, or that which fits the recipe."""
        return self.training.instance_type or default_training(gpu=self.needs_trainer)


@dataclass(frozen=True, slots=True)
class DescribedSetting:
    """A setting as documentation shows it. `name`: its path in the file; `default`: as TOML writes it."""

    name: str
    help: str
    default: str


def describe() -> list[DescribedSetting]:
    """Every setting, in the order of the file."""
    sections: dict[str, type[Section]] = {"": Config, **_sections()}
    return [
        DescribedSetting(f"{section}.{name}" if section else name, field.description or "", _toml(field.default))
        for section, model in sections.items()
        for name, field in model.model_fields.items()
        if name not in _sections()
    ]


def _sections() -> dict[str, type[Section]]:
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _toml(value: object) -> str:
    """A default as the file writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str() | Window():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{name} = {_toml(part)}' for name, part in value.items())}}}"
        case _:
            return str(value)


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The operator's settings from `path`, else from NUNCHI_CONFIG, else from the repository's nunchi.toml.

    SettingsError names the file and every mistake in it.
    """
    file = path or Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    try:
        fields = read_toml(file)
    except OSError as error:
        raise SettingsError(
            f"{file} can't be read: {error}; nothing was done, correct the path or NUNCHI_CONFIG"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"{file} can't be read: it is not text in UTF-8; nothing was done, save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}; nothing was done, correct that line") from None
    try:
        return Config.model_validate(fields)
    except ValidationError:
        mistakes = "\n  ".join(find_mistakes(Config, fields, related=RELATED))
        raise SettingsError(f"{file} is invalid, nothing was done; correct these settings:\n  {mistakes}") from None
