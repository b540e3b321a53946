"""Counters of the service for Prometheus. Every label has few values, known in advance."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"  # label for paths without a route, so that clients cannot create labels


class Telemetry:
    """Counters in a registry of their own, so that several applications fit in one process.

    The names say "pictures", as they have from the first release.
    """

    def __init__(self, class_names: list[str]):
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "classifier_requests", "Requests answered", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "classifier_request_seconds",
            "From a request's headers to the end of its answer",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.rejected = Counter(
            "classifier_rejected", "Requests and images refused", ["code"], registry=registry
        )
        self.images = Counter(
            "classifier_pictures", "Images by decision", ["decision"], registry=registry
        )
        for name in [*class_names, "abstained"]:  # shown as 0 until the first is counted
            self.images.labels(name)
        self.batches = Histogram(
            "classifier_batch_pictures",
            "Images predicted together",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.inference = Histogram(
            "classifier_inference_seconds", "Per batch", buckets=SECONDS, registry=registry
        )
        self.decoding = Histogram(
            "classifier_decode_seconds", "Per image", buckets=SECONDS, registry=registry
        )
        self.cut = Counter(
            "classifier_abandoned", "Requests whose client disconnected", registry=registry
        )

    def gauge(self, name: str, text: str, function: Callable[[], float]) -> None:
        """Adds a number that is computed whenever the metrics are requested."""
        Gauge(f"classifier_{name}", text, registry=self.registry).set_function(function)

    def batch(self, count: int, seconds: float) -> None:
        """Counts a batch; passed to `Batcher` as `observe`."""
        self.batches.observe(count)
        self.inference.observe(seconds)

    def text(self) -> bytes:
        """All counters in Prometheus's text format."""
        return generate_latest(self.registry)
