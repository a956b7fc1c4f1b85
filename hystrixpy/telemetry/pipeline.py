"""``setup()``: one line to a collector, for applications that have no OpenTelemetry of their own yet."""

from __future__ import annotations

import math
import threading
from typing import Any, Literal

from opentelemetry import metrics, trace

from hystrixpy.errors import PropertyError
from hystrixpy.telemetry import otlp, record, wiring
from hystrixpy.telemetry.handle import Telemetry

__all__ = ["setup"]

_HISTOGRAMS = ("native", "record", "off")


def setup(
    endpoint: str | None = None,
    protocol: Literal["grpc", "http"] | None = None,
    interval: float = 10.0,
    histograms: Literal["native", "record", "off"] = "native",
    traces: bool = True,
) -> Telemetry:
    """Send metrics (and spans) to an OTLP collector every `interval` seconds.

    `endpoint` is the collector's base URL (``http://localhost:4317``; over HTTP ``/v1/metrics`` is appended), by
    default ``OTEL_EXPORTER_OTLP_ENDPOINT``; `protocol` by default ``OTEL_EXPORTER_OTLP_PROTOCOL``, else gRPC. The
    other ``OTEL_*`` variables hold too. `histograms`: ``native`` costs a call nothing, ``record`` gives exemplars
    for some 10 us a call. What is left at the end of the program is sent then, for 5 seconds at most.

    Raises PropertyError for a bad argument, ImportError without the extra ``otlp``, and RuntimeError if the
    application has a provider already.
    """
    metrics_protocol = _protocol(protocol, "METRICS")
    _check(interval, histograms, traces)
    otlp.checked_endpoint(endpoint, metrics_protocol)
    if not wiring.enabled():
        return Telemetry()
    otlp.import_extra("opentelemetry.sdk.metrics.export")
    with _lock:
        _refuse_second_provider(traces)
        # Both exporters first: they may raise, and a provider that is set stays.
        spans = otlp.span_exporter(_protocol(protocol, "TRACES"), endpoint) if traces else None
        meters, exporter = _meters(otlp.metric_exporter(metrics_protocol, endpoint), interval, histograms)
        tracers, processor = _tracers(spans) if traces else (None, None)
    wiring.bind()
    target = f"to {endpoint or 'the endpoint of the environment'} over {metrics_protocol} every {interval:g} s"
    return Telemetry(meters, exporter, tracers, processor, target)


_lock = threading.Lock()
"""Of two threads that set up at once one gets its pipeline, and the other the RuntimeError."""


def _protocol(given: str | None, signal: str) -> str:
    return otlp.protocol_of_environment(signal) if given is None else otlp.checked_protocol(given)


def _check(interval: float, histograms: str, traces: bool) -> None:
    if isinstance(interval, bool) or not isinstance(interval, (int, float)):
        raise PropertyError(f"interval is {interval!r}: it must be a number of seconds")
    if not math.isfinite(interval) or interval <= 0:
        raise PropertyError(f"interval is {interval!r}: it must be more than 0 seconds")
    if histograms not in _HISTOGRAMS:
        raise PropertyError(f"histograms is {histograms!r}: it must be one of {', '.join(map(repr, _HISTOGRAMS))}")
    if not isinstance(traces, bool):
        raise PropertyError(f"traces is {traces!r}: it must be True or False")


def _refuse_second_provider(traces: bool) -> None:
    """OpenTelemetry keeps the first provider for good, so a second one would export nothing, silently."""
    for wanted, kind, provider in (
        (True, "MeterProvider", metrics.get_meter_provider()),
        (traces, "TracerProvider", trace.get_tracer_provider()),
    ):
        if wanted and type(provider).__name__ not in ("_ProxyMeterProvider", "ProxyTracerProvider"):
            raise RuntimeError(
                f"this process has an OpenTelemetry {kind} already ({type(provider).__module__}), and hystrixpy's "
                "metrics and spans go there without setup(). For latency histograms wrap its exporter in "
                "hystrixpy.telemetry.NativeHistogramExporter, or start with OTEL_METRICS_EXPORTER=hystrixpy_otlp. "
                "If it was setup() that made it, keep the handle: a process can be set up once"
            )


def _meters(exporter: Any, interval: float, histograms: str) -> tuple[Any, Any]:
    from opentelemetry.sdk.metrics import MeterProvider

    from hystrixpy.telemetry.exporter import ForwardingExporter, NativeHistogramExporter

    wrapped = (ForwardingExporter if histograms == "off" else NativeHistogramExporter)(exporter)
    provider = MeterProvider(metric_readers=[_reader(wrapped, interval)], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    if histograms == "record":
        record.record_durations()
    return provider, wrapped


def _reader(exporter: Any, interval: float) -> Any:
    from opentelemetry.sdk.metrics import Histogram, ObservableCounter, ObservableGauge, ObservableUpDownCounter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    # One command key has some ten series; the SDK folds all beyond 2000 series of an instrument into one.
    kinds = (ObservableCounter, ObservableGauge, ObservableUpDownCounter, Histogram)
    room: Any = dict.fromkeys(kinds, 1_000_000)
    try:
        return PeriodicExportingMetricReader(exporter, interval * 1000, cardinality_limits=room)
    except TypeError:  # an SDK without the limit
        return PeriodicExportingMetricReader(exporter, interval * 1000)


def _tracers(exporter: Any) -> tuple[Any, Any]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    processor = BatchSpanProcessor(exporter)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return provider, processor
