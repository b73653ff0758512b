"""The worker's Prometheus metrics."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from contracts.instants import now
from contracts.messages import Model
from worker.messages import AnyResult, Message

_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)
MAX_KEPT: Final = 6_000  # times of a step between two calls of `take`: a minute at a hundred photos a second


class Timings:
    """Times in seconds: counted in buckets for Prometheus, and kept until they are taken, for exact percentiles."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._kept: deque[float] = deque(maxlen=MAX_KEPT)

    def observe(self, seconds: float) -> None:
        """Count a time, and keep it."""
        self._histogram.observe(seconds)
        self._kept.append(seconds)

    def take(self) -> list[float]:
        """The times observed since the last call."""
        taken = list(self._kept)
        self._kept.clear()
        return taken


class StepTimes:
    """The times of each step."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._steps: dict[str, Timings] = {}

    def labels(self, step: str) -> Timings:
        """The times of one step."""
        if step not in self._steps:
            self._steps[step] = Timings(self._histogram.labels(step))
        return self._steps[step]

    def take(self) -> dict[str, list[float]]:
        """As `Timings.take`, by step."""
        return {step: timings.take() for step, timings in self._steps.items()}


class Metrics:
    """One worker's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, buckets=_BUCKETS_S, registry=self.registry)
        self.photos = counter("nunchi_photos", "Photos decided, by status and reason", ["status", "reason"])
        self.training = counter("nunchi_training", "Photos by dataset tree", ["outcome"])
        self.duplicates = counter("nunchi_duplicates", "Tickets of photos in hand or already decided")
        self.failures = counter("nunchi_failures", "Tries that failed, by exception", ["error"])
        self.given_up = counter("nunchi_given_up", "Photos that broke the model too often and are not tried again")
        self.swept = counter("nunchi_swept", "Photos found by the sweep")
        self.forgotten = gauge(
            "nunchi_forgotten", "Uploads older than five minutes without a result, at the last sweep"
        )
        self.messages = counter("nunchi_messages", "Messages of the upload queue, by outcome", ["fate"])
        self.messages_held = gauge("nunchi_messages_held", "Messages of the upload queue that this worker has in hand")
        self.deliveries = counter("nunchi_deliveries", "Labels by how their publishing ended", ["delivery"])
        self.step = StepTimes(histogram("nunchi_step_seconds", "Time of each step of a photo", ["step"]))
        self.total = Timings(
            histogram("nunchi_total_seconds", "From the start of the upload until the broker has the label")
        )
        self.waiting = gauge("nunchi_waiting", "Photos that wait")
        self.in_hand = gauge("nunchi_in_hand", "Photos being worked on")
        self.connected = gauge("nunchi_broker_connected", "1 while the broker is connected")
        self.model = gauge("nunchi_model", "The model in service", ["name", "version", "digest"])
        self.model_refused = counter("nunchi_model_refused", "Pointers to weights that were refused")

    def set_model(self, model: Model) -> None:
        """Report this model as the one in service."""
        self.model.clear()
        self.model.labels(model.name, model.version, model.digest).set(1)

    def published(self, message: Message, *, publish_s: float) -> None:
        """Observe a published label: the publishing, the steps that only the message holds, and the total time."""
        for step in ("upload", "dispatch"):
            if step in message.steps_ms:
                self.step.labels(step).observe(message.steps_ms[step] / 1e3)
        self.step.labels("publish").observe(publish_s)
        self.total.observe(max(0.0, (now() - message.captured_at).total_seconds()))

    def decided(self, result: AnyResult, seconds: Mapping[str, float]) -> None:
        """Count a photo whose result was stored, and observe its steps."""
        message = result.message
        self.photos.labels(message.status, message.reason or "").inc()
        self.training.labels(result.training).inc()
        for step, step_s in seconds.items():
            self.step.labels(step).observe(step_s)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
