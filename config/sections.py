"""The sections of nunchi.toml: their fields, defaults and limits, and what must hold between the fields of one section.

Each field's description is its text in `nunchi config check` and docs/settings.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    model_validator,
)

from config.instance_types import (
    DEFAULT_GPU,
    DEFAULT_INFERENCE,
    DEFAULT_PROCESSOR,
    check_inference_type,
    check_training_type,
)
from config.opening_hours import DAYS, Week, Weekday, Window
from config.zones import check_zone
from contracts.gate import DEFAULT_GATE, check_gate
from contracts.instants import ClosedSpans
from contracts.training import LEAST_NEW, MOST_NEW_LABELS
from recipes.kiosk.screen import DEFAULT_ELDER_FROM, check_elder_from
from recipes.pictures import load_picture
from recipes.reading import folder_of, is_path
from recipes.reading import load as load_recipe
from recipes.recipe import Teaches

_YEARS: Final = range(2000, 2100)


def _like(pattern: str, what: str, example: str) -> AfterValidator:
    """Accept text that matches the pattern; the error names what it should be, and an example."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}; write it as {example}")
        return text

    return AfterValidator(check)


def _window(value: object) -> object:
    if isinstance(value, Window):
        return value
    if isinstance(value, Mapping) and value.keys() == {"opens", "closes"}:
        return Window(**value)  # as the CDK app gets it, from `model_dump`
    if not isinstance(value, str):
        raise ValueError(f'{value} is not a window of opening hours; write it as "08:00-20:00"')
    return Window.parse(value)


def _closed_date(value: object) -> date:
    """A date of TOML, or text as 2027-02-07."""
    try:
        day = value if type(value) is date else date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"{_shown(value)} is not a date; write it as 2027-02-07{_reordered(value)}") from None
    if day.year not in _YEARS:
        raise ValueError(f"{day} is no date of a shop; the year must be from {_YEARS.start} to {_YEARS.stop - 1}")
    return day


def _reordered(value: object) -> str:
    """The date that a text in another order may mean: 7.2.2027, 2027/2/7, 20270207."""
    text = str(value)
    match = re.fullmatch(r"(\d{4})[./ -]*(\d{1,2})[./ -]+(\d{1,2})\.?", text) or re.fullmatch(
        r"(\d{4})(\d{2})(\d{2})", text
    )
    parts = match.groups() if match else ()
    if not parts and (match := re.fullmatch(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})", text)):
        parts = match.groups()[::-1]
    try:
        return f"; did you mean {date(*map(int, parts))}?" if parts else ""
    except ValueError:
        return ""


def check_recipe(name: str) -> str:
    """The name itself if it is a folder of recipes/ with a model; InvalidRecipe, a ValueError, otherwise."""
    if is_path(name):
        raise ValueError(f"{name!r} is a path, which no instance has; put the folder into recipes/, and write its name")
    recipe = load_recipe(name)
    if recipe.teaches is Teaches.HEADS and not (folder_of(name) / "model" / "manifest.json").exists():
        raise ValueError(f"the recipe {name} has no model yet; train it first: nunchi recipe train {name} --data DIR")
    load_picture(recipe, folder_of(name))
    return name


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


OpenWindow = Annotated[Window, BeforeValidator(_window)]
ClosedDate = Annotated[date, BeforeValidator(_closed_date)]
Zone = Annotated[str, AfterValidator(check_zone)]
Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]
Region = Annotated[str, _like(r"[a-z]{2}(-[a-z]+)+-[0-9]", "an AWS region", "ap-northeast-2")]
InferenceType = Annotated[str, AfterValidator(check_inference_type)]
TrainingType = Annotated[str, AfterValidator(check_training_type)]
RecipeName = Annotated[str, AfterValidator(check_recipe)]
AvailabilityZone = Annotated[
    str, _like(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]", "an availability zone of the region", "ap-northeast-2a")
]
TagKey = Annotated[str, _like(r"(?!aws:)[A-Za-z0-9][A-Za-z0-9_+=.,:@-]{0,127}", "a tag for instances", "cost-center")]
Gate = Annotated[float, Strict(), AfterValidator(check_gate)]
ElderFrom = Annotated[float, Strict(), AfterValidator(check_elder_from)]
# TOML has no null: an empty address sends no mail.
Email = Annotated[str, _like(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an e-mail address", "shop@example.com")]


class Section(BaseModel):
    """A table of the file. A key that is no setting is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, arbitrary_types_allowed=True)


class HoursSettings(Section):
    """When the shop is open."""

    zone: Zone = Field("Asia/Seoul", description="IANA time zone of the shop's clock")
    windows: tuple[OpenWindow, ...] = Field(
        (Window.parse("08:00-20:00"),),
        description="opening hours of every day that `days` does not list; over midnight: 18:00-02:00",
    )
    days: Annotated[
        Mapping[Weekday, tuple[OpenWindow, ...]],
        Field(description="days with other hours; an empty list closes the shop on that day"),
    ] = {}
    closed_dates: tuple[ClosedDate, ...] = Field(
        (), description="holidays; an instance that starts on one powers off again. Mode command only"
    )
    boot_lead_minutes: Whole = Field(10, ge=2, le=120, description="how long before opening the instance starts")
    linger_minutes: Whole = Field(5, ge=0, le=120, description="how long after closing it stays for the last customers")

    @model_validator(mode="after")
    def _open_on_some_day(self) -> HoursSettings:
        if not any(self.windows_of(day) for day in DAYS):
            raise ValueError(
                "the shop is closed on every day, so no instance would ever start; add hours to windows or days"
            )
        return self

    def windows_of(self, day: Weekday) -> tuple[Window, ...]:
        """The opening hours of a day of the week."""
        return self.days.get(day, self.windows)

    @cached_property
    def week(self) -> Week:
        """The opening hours of all days, with the minutes before and after them."""
        return Week(
            {day: self.windows_of(day) for day in DAYS},
            lead_minutes=self.boot_lead_minutes,
            linger_minutes=self.linger_minutes,
        )

    @property
    def closed_spans(self) -> ClosedSpans | None:
        """From start to stop of each time in which the instance would run for openings on closed dates only; None when
        there is none."""
        spans = self.week.closed_runs(self.closed_dates, self.zone_info)
        return ClosedSpans(tuple(spans)) if spans else None

    def should_run(self, at: datetime) -> bool:
        """Whether an instance should run at an instant, by the week and the closed dates."""
        return self.week.should_run(at, self.zone_info, closed=self.closed_dates)

    def next_start(self, at: datetime) -> datetime | None:
        """When an instance starts next, in the shop's time; None when it never does."""
        return self.week.next_start(at, self.zone_info, closed=self.closed_dates)

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class InferenceSettings(Section):
    """The worker and its instance."""

    instance_type: InferenceType = Field(DEFAULT_INFERENCE, description="EC2 type, x86-64 or ARM (Graviton)")
    confidence_gate: Gate = Field(DEFAULT_GATE, description="confidence from which a label is true enough to train on")
    review_share: Real = Field(0.05, ge=0, le=1, description="share of photos under the gate that are kept for review")


class ScreenSettings(Section):
    """The kiosk's screen."""

    elder_from: ElderFrom = Field(
        DEFAULT_ELDER_FROM,
        description="probability that the customer is an elder, from which a kiosk shows its easy screen",
    )


class QueueSettings(Section):
    """The Auto Scaling group of mode `queue`; docs/scaling.md says how to choose."""

    least: Whole = Field(2, ge=1, le=1000, description="instances during opening hours, at least")
    most: Whole = Field(10, ge=1, le=1000, description="instances, at most")
    backlog_per_instance: Whole = Field(
        10, ge=1, le=10_000, description="waiting photos an instance that scaling aims at"
    )
    warm_pool: Whole = Field(2, ge=0, le=1000, description="stopped instances kept ready; 0 for none")

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> QueueSettings:
        if self.least > self.most:
            raise ValueError(f"least, {self.least}, is greater than most, {self.most}; lower least or raise most")
        return self


class TrainingSettings(Section):
    """Retraining."""

    # TOML has no null. The type that is meant is Config.training_type.
    instance_type: TrainingType = Field(
        "",
        description=f"EC2 type, x86-64; empty: {DEFAULT_GPU} for a recipe that teaches a detector or has `tune`, which "
        f"needs an NVIDIA GPU, and {DEFAULT_PROCESSOR} for one that teaches heads alone",
    )
    spot: Switch = Field(True, description="try Spot capacity first, then on demand")
    period_days: Whole = Field(60, ge=1, le=366, description="days between two runs")
    least_new_labels: Whole = Field(
        LEAST_NEW,
        ge=1,
        le=MOST_NEW_LABELS,
        description="a run with fewer new label files ends before an instance starts",
    )


class RetentionSettings(Section):
    """Days from writing to expiry."""

    upload_days: Whole = Field(7, ge=1, le=3650, description="photos as they were uploaded")
    result_days: Whole = Field(90, ge=2, le=3650, description="the results of photos")
    review_days: Whole = Field(90, ge=1, le=3650, description="photos that wait for review")

    @model_validator(mode="after")
    def _results_outlive_uploads(self) -> RetentionSettings:
        if self.result_days <= self.upload_days:
            raise ValueError(
                f"results of {self.result_days} days must outlive uploads of {self.upload_days} days: the worker "
                "labels an upload without a result again; raise result_days"
            )
        return self


class AlarmSettings(Section):
    """Who receives alarms, and their thresholds."""

    email: Email = Field("", description="address that alarms go to; it must confirm once")
    slow_ms: Whole = Field(4000, ge=100, le=60_000, description="p95 from upload to label from which it is too slow")
    certificate_days: Whole = Field(
        365, ge=30, le=3650, description="age of a certificate from which it should be renewed"
    )
    budget_usd: Real = Field(
        100.0, ge=0, description="a month; a mail at 80 % spent and at 100 % forecast; 0 for no budget"
    )


class SecuritySettings(Section):
    """Optional security, beyond what is always on."""

    kms: Switch = Field(
        False, description="encrypt buckets and queues under a key of your own instead of S3's and SQS's"
    )
