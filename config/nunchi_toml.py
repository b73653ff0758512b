"""What an operator decides, in one file: `nunchi.toml`. Validated before synthesis, every mistake named at once.

Each field's description is what `nunchi config check` and docs/settings.md say of it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from config.mode import Mode
from config.opening_hours import DAYS, Week, Weekday, Window
from contracts.errors import SettingsError
from contracts.gate import DEFAULT_GATE, check_gate
from contracts.training import MOST_NEW_LABELS

ROOT: Final = Path(__file__).resolve().parents[1]
FILE_VARIABLE: Final = "NUNCHI_CONFIG"
DEFAULT_FILE: Final = ROOT / "nunchi.toml"


def _like(pattern: str, what: str, example: str) -> AfterValidator:
    """Text of a form, refused in words that a person understands."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}; write it as {example}")
        return text

    return AfterValidator(check)


OpenWindow = Annotated[Window, BeforeValidator(lambda text: Window.parse(text) if isinstance(text, str) else text)]
Region = Annotated[str, _like(r"[a-z]{2}(-[a-z]+)+-[0-9]", "an AWS region", "ap-northeast-2")]
InstanceType = Annotated[str, _like(r"(?!a1|[a-z]+\d+[a-z]*g)[a-z0-9-]+\.[a-z0-9-]+", "an x86-64 type", "c7i.large")]
TagKey = Annotated[str, _like(r"(?!aws:)[A-Za-z0-9][A-Za-z0-9_+=.,:@-]{0,127}", "a tag for instances", "cost-center")]
# TOML has no null: an empty address says "nobody".
Gate = Annotated[float, AfterValidator(check_gate)]
Email = Annotated[str, _like(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an e-mail address", "shop@example.com")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, arbitrary_types_allowed=True)


class HoursSettings(_Section):
    """When the shop is open."""

    zone: Annotated[str, Field(description="IANA time zone of the shop's clock")] = "Asia/Seoul"
    windows: Annotated[
        tuple[OpenWindow, ...],
        Field(description="opening hours of every day that `days` says nothing of; over midnight: 18:00-02:00"),
    ] = (Window.parse("08:00-20:00"),)
    days: Annotated[
        Mapping[Weekday, tuple[OpenWindow, ...]],
        Field(description="days with hours of their own; an empty list is a day on which the shop is closed"),
    ] = {}
    closed_dates: Annotated[
        tuple[date, ...],
        Field(description="holidays; an instance that starts on one goes off again. Mode command only"),
    ] = ()
    boot_lead_minutes: Annotated[
        int, Field(ge=2, le=120, description="how long before opening the instance starts")
    ] = 10
    linger_minutes: Annotated[
        int, Field(ge=0, le=120, description="how long after closing it stays for the last customers")
    ] = 5

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):  # unknown, a folder of zones, not even a path
            raise ValueError(f"{name!r} is no IANA time zone; write it as Asia/Seoul") from None
        return name

    @model_validator(mode="after")
    def _open_at_all(self) -> HoursSettings:
        if not any(self.windows_of(day) for day in DAYS):
            raise ValueError("the shop is closed on every day: no instance would ever start")
        return self

    def windows_of(self, day: Weekday) -> tuple[Window, ...]:
        """The opening hours of a day of the week."""
        return self.days.get(day, self.windows)

    @property
    def week(self) -> Week:
        """All of it as a week."""
        return Week(
            {day: self.windows_of(day) for day in DAYS},
            lead_minutes=self.boot_lead_minutes,
            linger_minutes=self.linger_minutes,
        )

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class InferenceSettings(_Section):
    """The worker and its instance."""

    instance_type: Annotated[InstanceType, Field(description="EC2 type, x86-64")] = "c7i.large"
    confidence_gate: Annotated[Gate, Field(description="confidence from which a label is true enough to train on")] = (
        DEFAULT_GATE
    )
    review_share: Annotated[
        float, Field(ge=0, le=1, description="share of photos under the gate that are kept for a person's review")
    ] = 0.05


class QueueSettings(_Section):
    """The Auto Scaling group of mode `queue`; docs/scaling.md says how to choose."""

    least: Annotated[int, Field(ge=1, le=1000, description="instances during opening hours, at least")] = 2
    most: Annotated[int, Field(ge=1, le=1000, description="instances, at most")] = 10
    backlog_per_instance: Annotated[
        int, Field(ge=1, le=10_000, description="waiting photos an instance that scaling aims at")
    ] = 10
    warm_pool: Annotated[int, Field(ge=0, le=1000, description="stopped instances kept ready; 0 for none")] = 2

    @model_validator(mode="after")
    def _least_is_not_more_than_most(self) -> QueueSettings:
        if self.least > self.most:
            raise ValueError(f"least is {self.least}, more than most, {self.most}")
        return self


class TrainingSettings(_Section):
    """Retraining."""

    instance_type: Annotated[InstanceType, Field(description="EC2 type with an NVIDIA GPU")] = "g4dn.xlarge"
    spot: Annotated[bool, Field(description="try Spot capacity first, then on demand")] = True
    period_days: Annotated[int, Field(ge=1, le=366, description="days between two runs")] = 60
    least_new_labels: Annotated[
        int, Field(ge=1, le=MOST_NEW_LABELS, description="a run with fewer new label files ends before the GPU starts")
    ] = 500


class RetentionSettings(_Section):
    """Days from writing to expiry."""

    upload_days: Annotated[int, Field(ge=1, le=3650, description="photos as they were uploaded")] = 7
    result_days: Annotated[int, Field(ge=2, le=3650, description="what was decided about them")] = 90
    review_days: Annotated[int, Field(ge=1, le=3650, description="photos that wait for a person's eyes")] = 90

    @model_validator(mode="after")
    def _results_outlive_uploads(self) -> RetentionSettings:
        if self.result_days <= self.upload_days:
            raise ValueError(
                f"results of {self.result_days} days must outlive uploads of {self.upload_days} days: the sweep takes "
                "an upload without a result for a forgotten one, and would label it again; raise result_days"
            )
        return self


class AlarmSettings(_Section):
    """Who is told, and of what."""

    email: Annotated[Email, Field(description="address that alarms go to; it must confirm once")] = ""
    slow_ms: Annotated[
        int, Field(ge=100, le=60_000, description="p95 from upload to label from which it is too slow")
    ] = 4000
    certificate_days: Annotated[
        int, Field(ge=30, le=3650, description="age of a certificate from which it should be renewed")
    ] = 365
    budget_usd: Annotated[float, Field(ge=1, description="a month; told at 80 % spent and at 100 % foreseen")] = 100.0


class SecuritySettings(_Section):
    """Beyond what is always on."""

    kms: Annotated[
        bool, Field(description="encrypt buckets and queues under a key of your own instead of S3's and SQS's")
    ] = False


class Config(_Section):
    """All that an operator decides."""

    region: Annotated[Region, Field(description="AWS region")] = "ap-northeast-2"
    mode: Annotated[
        Mode,
        Field(description="command: one instance, reached by Run Command; queue: a group of instances that reads SQS"),
    ] = Mode.COMMAND
    tags: Annotated[Mapping[TagKey, str], Field(description="on every resource that can bear tags")] = {}
    hours: HoursSettings = HoursSettings()
    inference: InferenceSettings = InferenceSettings()
    queue: QueueSettings = QueueSettings()
    training: TrainingSettings = TrainingSettings()
    retention: RetentionSettings = RetentionSettings()
    alarms: AlarmSettings = AlarmSettings()
    security: SecuritySettings = SecuritySettings()

    @model_validator(mode="after")
    def _holidays_need_one_instance(self) -> Config:
        if self.mode is Mode.QUEUE and self.hours.closed_dates:
            raise ValueError(
                "closed_dates work in mode command only: a group would start another instance for each that goes off; "
                "remove them, an idle morning costs less than a cent an instance"
            )
        return self


@dataclass(frozen=True, slots=True)
class DescribedSetting:
    """A setting as documentation shows it; `name` is its place in the file, `default` as TOML writes it."""

    name: str
    help: str
    default: str


def describe() -> list[DescribedSetting]:
    """Every setting, in the order of the file."""
    sections: dict[str, type[_Section]] = {"": Config, **_sections()}
    return [
        DescribedSetting(f"{section}.{name}" if section else name, field.description or "", _toml(field.default))
        for section, model in sections.items()
        for name, field in model.model_fields.items()
        if name not in _sections()
    ]


def _sections() -> dict[str, type[_Section]]:
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
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
            return f"{{{', '.join(f'{name} = {_toml(one)}' for name, one in value.items())}}}"
        case _:
            return str(value)


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The operator's settings from `path`, else from NUNCHI_CONFIG, else from the repository's nunchi.toml.

    SettingsError names the file, and every mistake in it.
    """
    file = path or Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8-sig"))  # editors on Windows begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} can't be read: {error}; nothing was done") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}; nothing was done") from None
    try:
        return Config.model_validate(fields)
    except ValidationError as error:
        mistakes = "\n  ".join(_sentence(one) for one in error.errors())
        raise SettingsError(f"nothing was done, {file} needs a look:\n  {mistakes}") from None


def _sentence(mistake: Mapping[str, Any]) -> str:
    """A mistake as a person would say it: where, what, and what was written there."""
    place = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in mistake["loc"]).replace(".[", "[")
    where = place or "the file"
    if mistake["type"] == "extra_forbidden":
        return f"{where}: there is no such setting"
    if mistake["type"] == "value_error":
        return f"{where}: {mistake['ctx']['error']}"
    return f"{where}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}, not {mistake['input']!r}"
