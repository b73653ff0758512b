"""What a worker counts, for Prometheus and for people."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from contracts.instants import now
from contracts.messages import LabelMessage, Model, Result

_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)
MOST_KEPT: Final = 6_000  # times of one kind that nobody has taken: a minute at a hundred photos a second


class Timings:
    """Times in seconds: counted in buckets for Prometheus, and kept until they are taken, for exact percentiles."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._kept: deque[float] = deque(maxlen=MOST_KEPT)

    def observe(self, seconds: float) -> None:
        """Count one, and keep it."""
        self._histogram.observe(seconds)
        self._kept.append(seconds)

    def take(self) -> list[float]:
        """What was observed since it was last taken."""
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
        """As `Times.take`, by step."""
        return {step: times.take() for step, times in self._steps.items()}


class Metrics:
    """One worker's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.photos = Counter(
            "nunchi_photos", "Photos decided, by status and reason", ["status", "reason"], registry=registry
        )
        self.training = Counter(
            "nunchi_training", "Photos by what the dataset got of them", ["outcome"], registry=registry
        )
        self.duplicates = Counter(
            "nunchi_duplicates", "Tickets of photos in hand or already decided", registry=registry
        )
        self.failures = Counter("nunchi_failures", "Tries that failed, by exception", ["error"], registry=registry)
        self.given_up = Counter(
            "nunchi_given_up", "Photos that broke the model too often to be tried again", registry=registry
        )
        self.swept = Counter("nunchi_swept", "Photos found by the sweep", registry=registry)
        self.forgotten = Gauge(
            "nunchi_forgotten",
            "Uploads older than five minutes without a result, when the sweep looked last",
            registry=registry,
        )
        self.messages = Counter(
            "nunchi_messages", "Messages of the upload queue, by what became of them", ["fate"], registry=registry
        )
        self.messages_held = Gauge(
            "nunchi_messages_held", "Messages of the upload queue that this worker has and keeps", registry=registry
        )
        self.deliveries = Counter(
            "nunchi_deliveries", "Labels by how their telling went", ["delivery"], registry=registry
        )
        self.step = StepTimes(
            Histogram(
                "nunchi_step_seconds", "Time of each step of a photo", ["step"], buckets=_BUCKETS_S, registry=registry
            )
        )
        self.total = Timings(
            Histogram(
                "nunchi_total_seconds",
                "From the start of the upload until the broker has the label",
                buckets=_BUCKETS_S,
                registry=registry,
            )
        )
        self.waiting = Gauge("nunchi_waiting", "Tickets that wait for their turn", registry=registry)
        self.in_hand = Gauge("nunchi_in_hand", "Photos being worked on", registry=registry)
        self.connected = Gauge("nunchi_broker_connected", "1 while the broker is reached", registry=registry)
        self.model = Gauge("nunchi_model", "The model in service", ["name", "version", "digest"], registry=registry)
        self.model_refused = Counter(
            "nunchi_model_refused", "Pointers to weights that were not followed", registry=registry
        )

    def serves(self, model: Model) -> None:
        """From now on this model is in service, and no other."""
        self.model.clear()
        self.model.labels(model.name, model.version, model.digest).set(1)

    def told(self, message: LabelMessage, *, publish_s: float) -> None:
        """The broker has a label: count its publishing, the steps that only the message knows, and the whole way."""
        for step in ("upload", "dispatch"):
            if step in message.steps_ms:
                self.step.labels(step).observe(message.steps_ms[step] / 1e3)
        self.step.labels("publish").observe(publish_s)
        self.total.observe(max(0.0, (now() - message.captured_at).total_seconds()))

    def decided(self, result: Result, seconds: Mapping[str, float]) -> None:
        """Count a photo whose result was stored, and how long its steps took."""
        message = result.message
        self.photos.labels(message.status, message.reason or "").inc()
        self.training.labels(result.training).inc()
        for step, took_s in seconds.items():
            self.step.labels(step).observe(took_s)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
