"""What a server counts, for Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from modelbook.serve.model import Served

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self, served: Served) -> None:
        self.registry = CollectorRegistry()
        told = Info("modelbook_model", "What is served.", registry=self.registry)
        told.info(
            {"name": served.name, "version": served.version, "run": served.run, "sha256": served.digest}
        )
        self._requests = Counter(
            "modelbook_requests", "Requests for inference.", ["status"], registry=self.registry
        )
        self._rows = Counter("modelbook_rows", "Rows answered.", registry=self.registry)
        self._seconds = Histogram(
            "modelbook_request_seconds", "Time to answer.", buckets=BUCKETS, registry=self.registry
        )

    def count(self, status: int, rows: int, seconds: float) -> None:
        """One request that was answered, with whatever status."""
        self._requests.labels(str(status)).inc()
        self._rows.inc(rows)
        self._seconds.observe(seconds)

    def watch(self, log: Any) -> None:
        """Tell how the prediction log is doing."""
        written = Gauge("modelbook_log_rows_written", "Rows in files of the log.", registry=self.registry)
        dropped = Gauge("modelbook_log_rows_dropped", "Rows that were lost.", registry=self.registry)
        failing = Gauge("modelbook_log_failing", "1 while no file can be written.", registry=self.registry)
        written.set_function(lambda: float(log.written))
        dropped.set_function(lambda: float(log.dropped))
        failing.set_function(lambda: float(bool(log.fault)))
