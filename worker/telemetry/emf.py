"""A worker's metrics for CloudWatch: lines in the embedded metric format, in a file that the CloudWatch agent ships.

Written each minute, and once more when the worker stops. Counts and times are those since the lines before. At 25
photos a second the file grows by 6 MB an hour; shell/logrotate.conf keeps it small.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

from contracts.answers_message import AnswersStatus
from contracts.aws.emf import MOST_VALUES, Metric, Service, Value, line, step_metric
from contracts.instants import now
from contracts.messages import Status
from worker.photos.socket_server import WorkerHealth
from worker.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

PERIOD_S: Final = 60.0
_MIB: Final = 1 << 20
# The statuses of a kiosk, and those of other recipes that mean the same to an operator.
_STATUSES: Final[Mapping[Metric, tuple[str, ...]]] = {
    Metric.REJECTED: (Status.REJECTED,),
    Metric.UNSURE: (Status.UNSURE,),
    Metric.NO_PERSON: (Status.NO_PERSON, AnswersStatus.NOTHING_FOUND, AnswersStatus.DECLINED),
}


@dataclass
class EmfFile:
    """Writes a worker's metrics for CloudWatch. A failure is only logged: photos matter more."""

    path: Path
    _: KW_ONLY
    metrics: Metrics
    health: WorkerHealth
    disk: Path
    clock: Callable[[], datetime] = now
    period_s: float = PERIOD_S

    def __post_init__(self) -> None:
        self._written: Mapping[str, float] = {}  # the counters as of the last lines that were written
        self._failing = False

    async def run(self) -> None:
        """Write each period until cancelled, and then a last time."""
        try:
            while True:
                await asyncio.sleep(self.period_s)
                self.write()
        finally:
            self.write()

    def write(self) -> None:
        """Append lines. Counts that could not be written are in the next lines; times are lost."""
        counts = self._counts()
        try:
            lines = self._lines({name: value - self._written.get(name, 0) for name, value in counts.items()})
            # Opened each time, because logrotate moves it.
            with self.path.open("a") as file:
                file.writelines(f"{each}\n" for each in lines)
        except Exception as error:
            if not self._failing:
                log.exception("metrics can't be written for CloudWatch; alarms lack data while this lasts: %s", error)
            self._failing = True
        else:
            self._written, self._failing = counts, False

    def _lines(self, counts: Mapping[str, float]) -> list[str]:
        """One line with every metric, and more lines for times that do not fit."""
        disk = shutil.disk_usage(self.disk)
        values: dict[str, Value] = {
            Metric.READY: int(self.health.state == "ready"),
            **counts,
            Metric.WAITING: self._read("nunchi_waiting"),
            Metric.FORGOTTEN: self._read("nunchi_forgotten"),
            Metric.BROKER_CONNECTED: int(self.health.broker_connected()),
            Metric.DISK_USED: round(100 * disk.used / (disk.used + disk.free), 1),  # as `df` computes it
        }
        if resident := self._read("process_resident_memory_bytes"):  # known on Linux only
            values[Metric.MEMORY_USED] = round(resident / _MIB, 1)
        times = {step_metric(step): taken for step, taken in self.metrics.step.take().items()}
        times[Metric.TOTAL] = self.metrics.total.take()
        milliseconds = {name: [round(1e3 * seconds, 1) for seconds in taken] for name, taken in times.items()}
        at = self.clock()
        lines: list[str] = []
        for start in count(0, MOST_VALUES):
            some = {
                name: taken[start : start + MOST_VALUES] for name, taken in milliseconds.items() if len(taken) > start
            }
            if start and not some:
                break
            # Counts and gauges are in the first line only: CloudWatch would add them up.
            lines.append(
                line(Service.WORKER, (values if not start else {}) | some, at=at, Instance=self.health.instance_id)
            )
        return lines

    def _counts(self) -> dict[str, float]:
        return {
            Metric.PHOTOS: self._read("nunchi_photos_total"),
            **{
                str(metric): sum(self._read("nunchi_photos_total", status=status) for status in statuses)
                for metric, statuses in _STATUSES.items()
            },
            Metric.FAILURES: self._read("nunchi_failures_total"),
            Metric.GIVEN_UP: self._read("nunchi_given_up_total"),
            Metric.MODEL_REFUSED: self._read("nunchi_model_refused_total"),
        }

    def _read(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        return sum(
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )
