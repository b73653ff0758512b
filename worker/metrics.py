"""What a worker counts, for Prometheus and for people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)


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
        self.deliveries = Counter(
            "nunchi_deliveries", "Labels by how their telling went", ["delivery"], registry=registry
        )
        self.step = Histogram(
            "nunchi_step_seconds", "Time of each step of a photo", ["step"], buckets=_BUCKETS_S, registry=registry
        )
        self.waiting = Gauge("nunchi_waiting", "Tickets that wait for their turn", registry=registry)
        self.in_hand = Gauge("nunchi_in_hand", "Photos being worked on", registry=registry)
        self.connected = Gauge("nunchi_broker_connected", "1 while the broker is reached", registry=registry)
        self.model = Gauge("nunchi_model", "The model in service", ["name", "version", "digest"], registry=registry)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
