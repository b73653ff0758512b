"""The monthly cost, computed from settings, shops, photos and prices. No AWS, no clock.

Quantities that are assumptions are constants below, with their reason; the prices are from `ops/cost/prices.toml`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from config.mode import Mode
from config.nunchi_toml import Config
from config.opening_hours import DAYS
from config.sections import QueueSettings
from contracts.aws.emf import STEP_METRICS, Metric
from ops.cost.demand import KIOSKS_A_SHOP, PHOTOS_A_SECOND, busiest_rate, group_for, instances_paid
from ops.cost.prices import Price, Prices
from worker.settings import HOUR_S, THREE_MINUTES_S

MONTH_DAYS: Final = 365.25 / 12
MONTH_HOURS: Final = 24 * MONTH_DAYS
WEEKS: Final = MONTH_DAYS / 7

DISK_GIB: Final = 16  # of an instance: infra/compute/instance.py
PHOTO_GB: Final = 150e3 / 1e9  # a kiosk's frame of 1280 × 720: bench/photos.py
RESULT_GB: Final = 1e3 / 1e9
ACCESS_LOG_GB: Final = 600 / 1e9  # a request to S3, in the access log
ACCESS_LOG_DAYS: Final = 90
KEPT: Final = 0.218  # share of photos that pass the 0.95 gate: docs/model-card.md
TRAINING_MONTHS: Final = 12  # training pairs stay; the estimate is for the end of the first year
RECEIVES_A_PHOTO: Final = 3  # SQS: sent, received, deleted, each alone
LONG_POLLS_AN_HOUR: Final = 3600 / 20
LAMBDA_POLLERS: Final = 5  # that Lambda keeps on a queue at all times
LAMBDA_GB: Final = 0.5
DISPATCH_S: Final = 0.25  # a SendCommand over the network; the rest is 2 ms (docs/performance.md)
WATCH_S: Final = 1.0
WATCHES_AN_HOUR: Final = 12
MESSAGES_A_PHOTO: Final = 3  # IoT Core: published, delivered, acknowledged
LOG_GB_A_PHOTO: Final = 700 / 1e9  # the worker's and Lambda's lines, and a photo's times among the metrics
LOG_GB_AN_HOUR: Final = 60 * 3e3 / 1e9 + 0.0002  # an instance's metrics, each minute, and its network's flow log
INSTANCE_METRICS: Final = 7  # of detailed monitoring, in mode queue only: infra/compute
ALARMS: Final = {Mode.COMMAND: 30, Mode.QUEUE: 28}  # metrics in alarms; tests/infra/test_health.py counts them
TRACKING_ALARMS: Final = 4  # two of the target tracking policy, on two metrics each
OUT_GB_A_PHOTO: Final = 4e3 / 1e9  # a label and its handshakes, to the shop
# Of a training machine, by whether it needs the trainer: hours of a run, and its disk
# (infra/training/training_instance.py). An hour of heads is that of 16,000 photos: docs/recipes.md, On AWS.
RETRAINING_HOURS: Final = {True: 2.0, False: 1.0}
TRAINING_DISK_GIB: Final = {True: 125, False: 60}
STATES_A_RUN: Final = 6  # transitions of the state machine
STATES_AN_HOUR: Final = 3 * 60  # three a minute, while the run is polled
SPOT_SHARE: Final = 0.8  # of runs that find Spot capacity
ORDERS_A_PHOTO: Final = 1.0  # at most: some customers are photographed twice, some order nothing
WRITES_AN_ORDER: Final = 6.0  # units: a transaction's cost twice; a marker of 1 KB and a count of at most 2 KB
KMS_REQUESTS_A_PHOTO: Final = 0.1  # the buckets keep a key of their own for a while


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of the estimate: a quantity and the price of its unit."""

    part: str
    item: str
    quantity: float
    unit: str
    unit_usd: float

    @property
    def usd(self) -> float:
        """USD a month."""
        return self.quantity * self.unit_usd


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """All lines, and notes: prices that are missing, settings that do not fit the demand."""

    lines: tuple[CostLine, ...]  # those of unknown prices are not among them
    notes: tuple[str, ...]

    @property
    def usd(self) -> float:
        """USD a month, in total."""
        return math.fsum(line.usd for line in self.lines)


@dataclass(frozen=True, slots=True)
class Usage:
    """The quantities of a month."""

    config: Config
    shops: int
    photos_a_day: float
    running_hours: float  # of a month in which the instances run, before opening and after closing included

    @property
    def in_queue_mode(self) -> bool:
        return self.config.mode is Mode.QUEUE

    @property
    def photos(self) -> float:
        """Photos a month. Holidays are not subtracted."""
        open_days = sum(bool(self.config.hours.windows_of(day)) for day in DAYS)
        return self.shops * self.photos_a_day * open_days * WEEKS

    @property
    def kiosks(self) -> int:
        return self.shops * KIOSKS_A_SHOP

    @property
    def instances(self) -> int:
        """Instances that run in those hours."""
        if not self.in_queue_mode:
            return 1
        sizes = self.config.queue
        return instances_paid(self.shops * self.photos_a_day, least=sizes.least, most=sizes.most)

    @property
    def instance_hours(self) -> float:
        return self.running_hours * self.instances

    @property
    def disks(self) -> int:
        """Disks that exist all month, those of stopped instances included."""
        return self.instances + (self.config.queue.warm_pool if self.in_queue_mode else 0)

    @property
    def uploads_kept(self) -> float:
        return self.photos / MONTH_DAYS * self.config.retention.upload_days

    @property
    def sweep_lists(self) -> float:
        """LIST requests of all sweeps: the pages of all uploads, and of the results of each kiosk."""
        pages = math.ceil(self.uploads_kept / 1000) + self.kiosks * math.ceil(self.uploads_kept / self.kiosks / 1000)
        period_s = HOUR_S if self.in_queue_mode else THREE_MINUTES_S
        return self.instance_hours * 3600 / period_s * pages

    @property
    def reviewed(self) -> float:
        """Photos a month that are kept for review by a person."""
        return self.photos * (1 - KEPT) * self.config.inference.review_share


def estimate(config: Config, prices: Prices, *, shops: int, photos_a_day: float) -> CostEstimate:
    """The cost of a month for `shops` shops, each with `photos_a_day` photos on an open day.

    An instance type that the price table lacks is left out of the lines, and named in the notes.
    """
    usage = Usage(config, shops, photos_a_day, config.hours.week.running_hours * WEEKS)
    parts = {
        "compute": _compute(usage, prices),
        "storage": _storage(usage, prices),
        "messages": _messages(usage, prices),
        "watching": _watching(usage, prices),
        "retraining": _retraining(usage, prices),
        "key": _key(usage, prices),
    }
    lines, unknown = list[CostLine](), dict[str, None]()
    for part, items in parts.items():
        for item, quantity, price in items:
            if math.isnan(price.usd):
                unknown[f"this total lacks {quantity:,.0f} hours a month of {price.what}"] = None
            else:
                lines.append(CostLine(part, item, quantity, price.unit, price.usd))
    return CostEstimate(tuple(lines), (*unknown, *_notes(usage, math.fsum(line.usd for line in lines))))


_Items = Iterator[tuple[str, float, Price]]  # an item, its quantity, and the price of its unit


def _free(unit: str) -> Price:
    return Price(what="", unit=unit, usd=0.0, check=())


def _compute(usage: Usage, prices: Prices) -> _Items:
    kind = usage.config.inference.instance_type
    hours = usage.instance_hours
    yield f"inference, {usage.instances} × {kind}", hours, prices.instance(kind)
    yield f"disks, {usage.disks} × {DISK_GIB} GiB", usage.disks * DISK_GIB, prices["disk"]
    yield "public IPv4 addresses", hours, prices["public_ipv4"]
    yield "NAT gateway", 0, _free("there is none")


def _storage(usage: Usage, prices: Prices) -> _Items:
    days = usage.config.retention
    a_day = usage.photos / MONTH_DAYS
    storage = prices["s3_storage"]
    yield f"uploads, {days.upload_days} days", usage.uploads_kept * PHOTO_GB, storage
    yield f"results, {days.result_days} days", a_day * days.result_days * RESULT_GB, storage
    review_gb = usage.reviewed / MONTH_DAYS * days.review_days * PHOTO_GB
    yield f"photos to review, {days.review_days} days", review_gb, storage
    training_gb = usage.photos * KEPT * TRAINING_MONTHS * PHOTO_GB
    yield f"training pairs, after {TRAINING_MONTHS} months", training_gb, storage
    pairs = usage.photos * KEPT + usage.reviewed
    writes = 2 * usage.photos + 2 * pairs  # an upload, its result; image and labels of a pair
    log_gb = (writes + usage.photos + usage.sweep_lists) / MONTH_DAYS * ACCESS_LOG_DAYS * ACCESS_LOG_GB
    yield f"access log, {ACCESS_LOG_DAYS} days", log_gb, storage
    yield "uploads, results, pairs written", writes / 1e3, prices["s3_write"]
    yield "sweeps' listings", usage.sweep_lists / 1e3, prices["s3_write"]
    yield "photos read", usage.photos / 1e3, prices["s3_read"]
    yield "orders counted", usage.photos * ORDERS_A_PHOTO * WRITES_AN_ORDER / 1e6, prices["dynamodb_write"]


def _messages(usage: Usage, prices: Prices) -> _Items:
    photos = usage.photos
    if usage.in_queue_mode:
        polls = usage.instance_hours * LONG_POLLS_AN_HOUR
    else:
        polls = LAMBDA_POLLERS * MONTH_HOURS * LONG_POLLS_AN_HOUR
    yield "upload queue", photos * RECEIVES_A_PHOTO / 1e6, prices["sqs"]
    yield "upload queue, idle polls", polls / 1e6, prices["sqs"]
    if not usage.in_queue_mode:
        yield "dispatch Lambda, photos", photos / 1e6, prices["lambda_request"]
        yield "dispatch Lambda, time", photos * DISPATCH_S * LAMBDA_GB, prices["lambda_duration"]
        yield "Run Command", photos, _free("commands, free")
    yield "labels over MQTT", photos * MESSAGES_A_PHOTO / 1e6, prices["iot_message"]
    minutes = 60 * (usage.kiosks * usage.running_hours + usage.instance_hours)
    yield f"connections of {usage.kiosks:,} kiosks", minutes / 1e6, prices["iot_minute"]
    yield "labels to the shops", photos * OUT_GB_A_PHOTO, prices["transfer_out"]


def _watching(usage: Usage, prices: Prices) -> _Items:
    running = usage.running_hours / MONTH_HOURS
    logs_gb = usage.photos * LOG_GB_A_PHOTO + usage.instance_hours * LOG_GB_AN_HOUR
    yield "logs taken in", logs_gb, prices["log_ingestion"]
    yield "logs, a month", logs_gb, prices["log_storage"]
    custom = len(Metric) + len(STEP_METRICS)
    yield f"{custom} custom metrics", custom * running, prices["metric"]
    if usage.in_queue_mode:
        yield "detailed monitoring", INSTANCE_METRICS * usage.instance_hours / MONTH_HOURS, prices["metric"]
    alarms = ALARMS[usage.config.mode] + (TRACKING_ALARMS if usage.in_queue_mode else 0)
    yield "alarms", alarms, prices["alarm"]
    yield "key of the alarms' topic", 1, prices["kms_key"]
    yield "dashboard", 1, prices["dashboard"]
    runs = usage.running_hours * WATCHES_AN_HOUR
    yield "watch Lambda, time", runs * WATCH_S * LAMBDA_GB, prices["lambda_duration"]
    calls = runs + MONTH_HOURS  # and, at most each hour, a start, a stop or a lease
    yield "schedules", calls / 1e6, prices["schedule"]


def _retraining(usage: Usage, prices: Prices) -> _Items:
    training, kind, trainer = usage.config.training, usage.config.training_type, usage.config.needs_trainer
    runs = MONTH_DAYS / training.period_days
    hours = runs * RETRAINING_HOURS[trainer]
    spot = hours * SPOT_SHARE if training.spot else 0.0
    if spot:
        on_spot, on_demand = prices.instance(kind, spot=True), prices.instance(kind)
        if math.isnan(on_spot.usd) and not math.isnan(on_demand.usd):
            yield f"{kind} on Spot, at most", spot, on_demand  # a Spot price is never above that on demand
        else:
            yield f"{kind} on Spot", spot, on_spot
    yield f"{kind} on demand", hours - spot, prices.instance(kind)
    yield "its disk and address", hours, _disk_and_address(prices, TRAINING_DISK_GIB[trainer])
    yield "state machine", runs * STATES_A_RUN / 1e3 + hours * STATES_AN_HOUR / 1e3, prices["state_transition"]


def _disk_and_address(prices: Prices, gib: int) -> Price:
    """The hourly price of a training machine's disk of so many GiB, and of its address."""
    disk, address = prices["disk"], prices["public_ipv4"]
    return replace(address, usd=gib * disk.usd / MONTH_HOURS + address.usd)


def _key(usage: Usage, prices: Prices) -> _Items:
    if usage.config.security.kms:
        yield "key", 1, prices["kms_key"]
        yield "its use", usage.photos * KMS_REQUESTS_A_PHOTO / 1e4, prices["kms_request"]


def _notes(usage: Usage, usd: float) -> Iterator[str]:
    """Settings that do not fit the demand or the cost, in sentences."""
    photos_a_day = usage.shops * usage.photos_a_day
    rate = busiest_rate(photos_a_day)
    recommended = group_for(usage.shops, usage.photos_a_day).least
    if not usage.in_queue_mode and rate > PHOTOS_A_SECOND / 2:
        yield (
            f"{rate:.0f} photos a second in the busiest minute are too many for one instance, which labels "
            f'{PHOTOS_A_SECOND:.0f}: set mode = "queue" and [queue] least = {recommended}'
        )
    elif usage.in_queue_mode and usage.config.queue.least < recommended:
        yield (
            f"[queue] least = {usage.config.queue.least} is too small for the busiest minute with one spare instance; "
            f"docs/scaling.md recommends {recommended}"
        )
    budget = usage.config.alarms.budget_usd
    if 0 < budget < usd:
        yield f"[alarms] budget_usd = {budget:g} is below this estimate: its alarm would fire every month"


# For one shop: with the processor of each, and what its worker may use of it for long.
FOR_ONE_SHOP: Final = ("c7i.large", "c7i-flex.large", "t3.medium", "t3.small", "t4g.small")


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to run one shop's worker, and its USD a month. NaN where the type's price is unknown."""

    instance_type: str
    mode: Mode
    usd: float


def choices(config: Config, prices: Prices, *, photos_a_day: float) -> Iterator[Choice]:
    """One shop's cost by instance type and mode; mode queue with one instance at all times and no warm pool."""
    kinds = dict.fromkeys((config.inference.instance_type, *FOR_ONE_SHOP))
    alone = QueueSettings(least=1, most=1, warm_pool=0)
    for kind in kinds:
        for mode in Mode:
            inference = config.inference.model_copy(update={"instance_type": kind})
            one = config.model_copy(update={"mode": mode, "queue": alone, "inference": inference})
            known = not math.isnan(prices.instance(kind).usd)
            usd = estimate(one, prices, shops=1, photos_a_day=photos_a_day).usd if known else math.nan
            yield Choice(kind, mode, usd)
