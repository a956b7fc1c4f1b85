"""Exporters that send the native latency histograms along with what the SDK collected."""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ScopeMetrics,
)

from hystrixpy.telemetry.otlp import metric_exporter, protocol_of_environment
from hystrixpy.telemetry.producer import NativeHistogramProducer
from hystrixpy.telemetry.wiring import enabled, ledger

__all__ = ["ForwardingExporter", "NativeHistogramExporter", "OTLPExporter", "otlp_exporter"]


class ForwardingExporter(MetricExporter):
    """Passes everything on to another exporter, and remembers whether the last export arrived."""

    def __init__(self, exporter: MetricExporter) -> None:
        if not isinstance(exporter, MetricExporter):
            raise TypeError(f"{type(self).__name__} wraps a MetricExporter of OpenTelemetry's SDK, not {exporter!r}")
        # The SDK's reader takes these two from the exporter it is given, so the wrapper must show them.
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self.arrived = False

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export through the wrapped exporter."""
        self.arrived = False
        result = self._exporter.export(metrics_data, timeout_millis=timeout_millis, **kwargs)
        self.arrived = result is MetricExportResult.SUCCESS
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Pass the wish on to the wrapped exporter."""
        return self._exporter.force_flush(timeout_millis=timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the wrapped exporter down."""
        self._exporter.shutdown(timeout_millis=timeout_millis, **kwargs)

    def __getattr__(self, name: str) -> Any:  # set_meter_provider and what else an exporter may offer
        if name == "_exporter":  # not there yet
            raise AttributeError(name)
        return getattr(self._exporter, name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {type(self._exporter).__name__}>"


class NativeHistogramExporter(ForwardingExporter):
    """Wraps any metric exporter so that ``hystrix.command.duration`` and its like travel with the rest.

    Give it to a ``PeriodicExportingMetricReader`` in place of the exporter; one wrapper per reader. It follows
    the temporality the wrapped exporter prefers for histograms. In delta, what a failed export carried is told
    again by the next one. Raises TypeError for what is no exporter, and for one that is wrapped already.

    >>> from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
    >>> reader = PeriodicExportingMetricReader(NativeHistogramExporter(ConsoleMetricExporter()))  # doctest: +SKIP
    """

    def __init__(self, exporter: MetricExporter) -> None:
        if isinstance(exporter, NativeHistogramExporter):
            raise TypeError(f"{exporter!r} adds the histograms already; wrapped again it would send them twice")
        super().__init__(exporter)
        wanted = (self._preferred_temporality or {}).get(Histogram, AggregationTemporality.CUMULATIVE)
        self._producer = NativeHistogramProducer(ledger(), wanted)
        self._lock = threading.Lock()
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: None if (here := me()) is None else here._after_fork_in_child())

    def _after_fork_in_child(self) -> None:
        # An export of the parent that was under way holds the lock: for seconds, while a collector is dead.
        self._lock = threading.Lock()
        self._producer.after_fork_in_child()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export what the SDK collected and the native histograms as one message."""
        with self._lock:
            if enabled() and (scope := self._producer.produce()) is not None:
                metrics_data = _with_scope(metrics_data, scope)
            result = super().export(metrics_data, timeout_millis, **kwargs)
            if self.arrived:
                self._producer.delivered()
        return result


class OTLPExporter(NativeHistogramExporter):
    """What ``OTEL_METRICS_EXPORTER=hystrixpy_otlp`` names: OTLP with the native histograms, set up by the environment.

    The protocol is that of ``OTEL_EXPORTER_OTLP_METRICS_PROTOCOL`` or ``OTEL_EXPORTER_OTLP_PROTOCOL``, else gRPC.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metric_exporter(protocol_of_environment("METRICS"), **kwargs))


otlp_exporter = OTLPExporter
"""The entry point's name. It must be a class: the SDK asks whether it is a subclass of MetricExporter."""


def _with_scope(data: MetricsData, scope: ScopeMetrics) -> MetricsData:
    """The scope added inside the SDK's own resource: a second equal resource would overwrite the first one."""
    first, *rest = data.resource_metrics
    joined = replace(first, scope_metrics=[*first.scope_metrics, scope])
    return MetricsData(resource_metrics=[joined, *rest])
