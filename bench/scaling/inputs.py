"""Inputs of a simulated day. Each number has its source beside it; docs/scaling.md repeats them for readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ops.cost.demand import CORE_S, PHOTOS_A_SHOP, PIPELINE_SHARE, PROCESSORS, SPEED, DemandDay

LABEL_TTL_S: Final = 30.0  # the worker's NUNCHI_LABEL_TTL_S: a later label has expired


@dataclass(frozen=True, slots=True)
class Surge:
    """All shops at once have `factor` times their customers: a coupon that a chain sends to every phone."""

    factor: float = 3.0
    at_s: float = 12.25 * 3600
    for_s: float = 20 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """Customers. All assumed. The shops share a time zone, so they share their peaks and the factor of the day."""

    shops: int = 1_000
    photos_a_shop: float = PHOTOS_A_SHOP
    day: DemandDay = field(default_factory=DemandDay)
    day_factor_sigma: float = 0.15  # of the day's common factor (weather, pay day), lognormal with mean 1
    day_factor: float | None = None  # None: drawn at random
    surge: Surge | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandDelays:
    """Delays of mode `command` from the upload queue to the worker, in seconds. Lognormal: median, sigma of the log.

    Guesses: no public measurement of Run Command's delivery was found, and moto delivers at once. What is known: an
    association of State Manager blocks all commands of a new AL2023 instance for 62 s, and one that starts then runs
    in under a second (github.com/aws/network-flow-monitor-agent/pull/117).
    """

    dispatch_median: float = 0.1  # the Lambda gets the message; a cold start takes 0.7 s (bench.dispatch)
    dispatch_sigma: float = 0.8
    send_median: float = 0.15  # SendCommand over the network
    send_sigma: float = 0.5
    delivery_median: float = 1.0  # from SSM to the agent, its worker process, the shell
    delivery_sigma: float = 0.7
    blocked_share: float = 0.005  # of commands, which wait for another document on the instance
    blocked_median: float = 60.0
    blocked_sigma: float = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Delays:
    """Delays of a photo outside the queue and the processors, in seconds. Lognormal: median, and sigma of the log.

    Assumed, from AWS's documentation ("seconds, sometimes a minute or longer") and public measurements, except the
    requests to S3: 20 ms each, as bench.worker simulates them.
    """

    upload_median: float = 0.15
    upload_sigma: float = 0.5
    event_median: float = 0.5
    event_sigma: float = 0.7
    tail_share: float = 0.002
    tail_median: float = 45.0
    tail_sigma: float = 0.5
    poll_and_fetch: float = 0.045  # a long poll that is answered, and a GET
    store_and_publish: float = 0.045  # a PUT, and a publish with QoS 1
    command: CommandDelays | None = None  # None: mode queue, in which workers poll the upload queue themselves


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceSettings:
    """One instance and its worker."""

    processors: int = PROCESSORS
    speed: float = SPEED
    core_s: tuple[tuple[float, float], ...] = CORE_S  # share of photos, seconds of one core
    pipeline_share: float = PIPELINE_SHARE
    noise_sigma: float = 0.195  # of the log: bench.path's infer has p50 49.6 ms, p95 68.4 ms
    in_flight: int = 8  # the worker's NUNCHI_PHOTOS_AT_ONCE
    visibility_s: float = 15.0  # the worker's NUNCHI_VISIBILITY_S: then SQS redelivers the photos of a dead worker

    @property
    def photos_a_second(self) -> float:
        """Throughput of one busy instance."""
        mean = sum(share * seconds for share, seconds in self.core_s)
        return self.processors * self.speed * self.pipeline_share / mean


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupSettings:
    """The Auto Scaling group: the operator's settings, then the behaviour of AWS.

    Alarms and periods are those of AWS's documentation; how long a boot takes is assumed.
    """

    least: int
    most: int
    backlog_per_instance: float = 10.0
    warm_pool: int = 2  # stopped instances kept ready
    lead_s: float = 600.0  # scheduled capacity before opening
    linger_s: float = 300.0  # and after closing
    metric_period_s: float = 60.0
    metric_delay_periods: int = 1  # until a figure of SQS is in CloudWatch
    datapoints_out: int = 3  # of a target tracking policy's high alarm
    datapoints_in: int = 15  # of its low alarm
    scale_in_below: float = 0.9  # of the target: the low alarm's threshold
    scale_in_cooldown_s: float = 300.0  # one instance at a time
    health_check_s: float = 60.0  # until a dead instance is replaced
    boot_cold_s: float = 210.0  # machine, packages, model, /ready
    boot_warm_s: float = 50.0  # a stopped machine starts, model, /ready
    boot_sigma: float = 0.12  # of the log


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One day to simulate."""

    demand: Demand
    group: GroupSettings
    delays: Delays = field(default_factory=Delays)
    instance: InstanceSettings = field(default_factory=InstanceSettings)
    kill_at_s: float | None = None  # one instance is killed then
