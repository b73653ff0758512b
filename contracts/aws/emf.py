"""CloudWatch's embedded metric format: the metrics that our programs write into their logs, and how.

CloudWatch makes metrics out of such lines by itself. What writes them, what draws them and what sounds an alarm about
them take the names from here. The format: "Specification: Embedded metric format" in CloudWatch's user guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from contracts.instants import to_epoch_ms
from contracts.messages import STEPS

NAMESPACE: Final = "Nunchi"
DIMENSION: Final = "Service"
MOST_VALUES: Final = 100  # of one metric in one line, says the format


class Service(StrEnum):
    """The program that writes a metric: the one dimension. A dimension of instances would cost for each instance."""

    WORKER = "worker"
    HEALTH_PROBE = "watch"  # its dimension since the first release: a new one would begin new metrics


class Metric(StrEnum):
    """The metrics by name; the steps' own are `step_metric`'s."""

    # of a worker, each minute
    READY = "Ready"  # 1 or 0
    PHOTOS = "Photos"  # decided since the last minute; the next three are of them
    REJECTED = "Rejected"
    UNSURE = "Unsure"
    NO_PERSON = "NoPerson"
    FAILURES = "Failures"  # tries that failed since the last minute
    GIVEN_UP = "GivenUp"
    MODEL_REFUSED = "ModelRefused"  # pointers to weights that were not followed since the last minute
    FORGOTTEN = "Forgotten"  # uploads older than five minutes without a result, when the sweep looked last
    WAITING = "Waiting"
    BROKER_CONNECTED = "BrokerConnected"  # 1 or 0
    DISK_USED = "DiskUsed"  # of the disk that the state folder is on
    MEMORY_USED = "MemoryUsed"  # the worker's own, in units of 2^20 bytes
    TOTAL = "Total"  # from the start of the upload until the broker has the label
    # of the health probe
    WORKER_READY = "WorkerReady"  # 1 when each instance that should be ready is, else 0
    WORKERS_READY = "WorkersReady"
    CERTIFICATE_AGE_DAYS = "CertificateAgeDays"  # of the oldest certificate that is in use


_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys((Metric.READY, Metric.BROKER_CONNECTED, Metric.WORKER_READY, Metric.CERTIFICATE_AGE_DAYS), "None"),
    Metric.DISK_USED: "Percent",
    Metric.MEMORY_USED: "Megabytes",
}

Value = float | Sequence[float]


def step_metric(step: str) -> str:
    """The metric of a step's times in milliseconds: `StepFetch` of `fetch`."""
    return f"Step{step.capitalize()}"


STEP_METRICS: Final = tuple(step_metric(step) for step in (*STEPS, "store", "publish"))


def line(service: Service, values: Mapping[str, Value], *, at: datetime, **properties: str) -> str:
    """One line of the format, without a newline: metrics of a service, each a number or up to MOST_VALUES of them.

    `properties` can be searched for in the log and are no dimensions.
    """
    if crowded := [name for name, value in values.items() if isinstance(value, Sequence) and len(value) > MOST_VALUES]:
        raise ValueError(f"{', '.join(crowded)}: CloudWatch takes {MOST_VALUES} values of a metric from a line")
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": unit_of(name)} for name in values],
    }
    root = {"_aws": {"Timestamp": to_epoch_ms(at), "CloudWatchMetrics": [directive]}, DIMENSION: service}
    return json.dumps(root | properties | dict(values), separators=(",", ":"), allow_nan=False)


def unit_of(name: str) -> str:
    """The CloudWatch unit of a metric."""
    return _UNITS.get(name, "Milliseconds" if name in (*STEP_METRICS, Metric.TOTAL) else "Count")
