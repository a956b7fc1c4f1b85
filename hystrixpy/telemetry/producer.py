"""The native histograms as one scope of metrics, cumulative or delta.

``produce()`` is all that OpenTelemetry's MetricProducer asks for; the Python SDK has no such interface yet, so
the exporter wrapper calls it. The day it comes, a subclass of one line replaces the wrapper.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import AggregationTemporality, ExponentialHistogram, Metric, ScopeMetrics
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from hystrixpy.telemetry.exponential import NATIVE, Native, Window, buckets_of, point
from hystrixpy.telemetry.record import recording

if TYPE_CHECKING:
    from hystrixpy.telemetry.ledger import Counts, Ledger, Series

__all__ = ["NativeHistogramProducer"]

# A scope of its own: of two equal scopes in one message the encoder keeps only the last.
_SCOPE = InstrumentationScope("hystrixpy.histograms")


class NativeHistogramProducer:
    """Makes the histogram metrics for one reader. Not for use by two: in delta it remembers what was delivered."""

    def __init__(self, ledger: Ledger, temporality: AggregationTemporality) -> None:
        self._ledger = ledger
        self._temporality = temporality
        self._lock = threading.Lock()
        self._forget()

    def after_fork_in_child(self) -> None:
        """The lock may have been held by a thread of the parent."""
        self._lock = threading.Lock()

    def _forget(self) -> None:
        self._epoch_ns = self._ledger.started_ns
        self._delivered: dict[str, dict[Series, Counts]] = {}
        self._delivered_ns = self._epoch_ns
        self._pending = self._delivered
        self._pending_ns = self._delivered_ns

    def produce(self) -> ScopeMetrics | None:
        """Everything recorded since the start (cumulative), or since the last ``delivered()`` (delta)."""
        with self._lock:
            if self._epoch_ns != self._ledger.started_ns:  # forked: the counts began again
                self._forget()
            self._pending, self._pending_ns = buckets_of(self._ledger), time.time_ns()
            metrics = [metric for native in _wanted() if (metric := self._metric(native)) is not None]
        return ScopeMetrics(scope=_SCOPE, metrics=metrics, schema_url="") if metrics else None

    def delivered(self) -> None:
        """What ``produce()`` gave last has arrived: the next delta starts there. Otherwise it is told again."""
        with self._lock:
            # Merged, for a series that could not be read this time was not told either.
            self._delivered = {
                column: {**self._delivered.get(column, {}), **fresh} for column, fresh in self._pending.items()
            }
            self._delivered_ns = self._pending_ns

    def _metric(self, native: Native) -> Metric | None:
        cumulative = self._temporality is not AggregationTemporality.DELTA
        start_ns = self._epoch_ns if cumulative else self._delivered_ns
        base = {} if cumulative else self._delivered.get(native.column, {})
        points = [
            point(native.instrument.attributes, series, fresh, Window(start_ns, self._pending_ns))
            for series, counts in self._pending[native.column].items()
            if any(fresh := _less(counts, base.get(series)))
        ]
        if not points:
            return None
        row = native.instrument
        data = ExponentialHistogram(data_points=points, aggregation_temporality=self._temporality)
        return Metric(name=row.name, description=row.meaning, unit=row.unit, data=data)


def _wanted() -> tuple[Native, ...]:
    """All, or those that nobody records call by call: one name must not arrive twice."""
    return tuple(native for native in NATIVE if not (recording() and native.column.endswith("latency")))


def _less(counts: Counts, base: Counts | None) -> Counts:
    return counts if base is None else tuple(now - then for now, then in zip(counts, base, strict=True))
