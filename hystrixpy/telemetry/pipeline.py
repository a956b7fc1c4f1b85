"""``setup()``: one line to a collector, for applications that have no OpenTelemetry of their own yet."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Literal, Self

from opentelemetry import metrics, trace

from hystrixpy.errors import PropertyError
from hystrixpy.telemetry import otlp, record, wiring

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Telemetry", "setup"]

_HISTOGRAMS = ("native", "record", "off")


class Telemetry:
    """The pipeline ``setup()`` made. As a context manager it shuts down at the end."""

    def __init__(self, meters: Any = None, exporter: Any = None, tracers: Any = None) -> None:
        self._meters = meters
        self._exporter = exporter
        self._tracers = tracers
        self._lock = threading.Lock()
        self._down = False

    def flush(self, timeout: float = 10.0) -> bool:
        """Send everything now, waiting `timeout` seconds at most. True only if the collector took the metrics."""
        if self._meters is None or self._down:
            return self._meters is None
        return _within(timeout, self._flush)

    def shutdown(self, timeout: float = 10.0) -> None:
        """Send what is left and stop, waiting `timeout` seconds at most. A second call does nothing."""
        with self._lock:
            already, self._down = self._down, True
        if self._meters is not None and not already:
            _within(timeout, lambda: self._shutdown(timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.shutdown()

    def _flush(self) -> bool:
        traced = self._tracers.force_flush() if self._tracers is not None else True
        self._exporter.arrived = False  # force_flush() itself says True even while every export fails
        self._meters.force_flush()
        return bool(traced and self._exporter.arrived)

    def _shutdown(self, timeout: float) -> bool:
        if self._tracers is not None:
            self._tracers.shutdown()
        self._meters.shutdown(timeout_millis=timeout * 1000)
        record.record_durations(False)
        return True


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
    for some 10 us a call.

    Raises PropertyError for a bad argument, ImportError without the extra ``otlp``, and RuntimeError if the
    application has a provider already.
    """
    flavour = otlp.checked_protocol(protocol or otlp.protocol_of_environment())
    _check(interval, histograms)
    if not wiring.enabled():
        return Telemetry()
    otlp.import_extra("opentelemetry.sdk.metrics.export")
    _refuse_second_provider(traces)
    meters, exporter = _meters(flavour, endpoint, interval, histograms)
    tracers = _tracers(flavour, endpoint) if traces else None
    wiring.bind()
    return Telemetry(meters, exporter, tracers)


def _check(interval: float, histograms: str) -> None:
    if isinstance(interval, bool) or not isinstance(interval, (int, float)):
        raise PropertyError(f"interval is {interval!r}: it must be a number of seconds")
    if not math.isfinite(interval) or interval <= 0:
        raise PropertyError(f"interval is {interval!r}: it must be more than 0 seconds")
    if histograms not in _HISTOGRAMS:
        raise PropertyError(f"histograms is {histograms!r}: it must be one of {', '.join(map(repr, _HISTOGRAMS))}")


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
                "hystrixpy.telemetry.NativeHistogramExporter, or start with OTEL_METRICS_EXPORTER=hystrixpy_otlp"
            )


def _meters(flavour: str, endpoint: str | None, interval: float, histograms: str) -> tuple[Any, Any]:
    from opentelemetry.sdk.metrics import MeterProvider

    from hystrixpy.telemetry.exporter import ForwardingExporter, NativeHistogramExporter

    wrap = ForwardingExporter if histograms == "off" else NativeHistogramExporter
    exporter = wrap(otlp.metric_exporter(flavour, endpoint))
    provider = MeterProvider(metric_readers=[_reader(exporter, interval)])
    metrics.set_meter_provider(provider)
    if histograms == "record":
        record.record_durations()
    return provider, exporter


def _reader(exporter: Any, interval: float) -> Any:
    from opentelemetry.sdk.metrics import ObservableCounter, ObservableGauge
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    # One command key has some ten series; the SDK folds all beyond 2000 series of an instrument into one.
    room: Any = {ObservableCounter: 1_000_000, ObservableGauge: 1_000_000}
    try:
        return PeriodicExportingMetricReader(exporter, interval * 1000, cardinality_limits=room)
    except TypeError:  # an SDK without the limit
        return PeriodicExportingMetricReader(exporter, interval * 1000)


def _tracers(flavour: str, endpoint: str | None) -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(otlp.span_exporter(flavour, endpoint)))
    trace.set_tracer_provider(provider)
    return provider


def _within(timeout: float, work: Callable[[], bool]) -> bool:
    """Do `work` for `timeout` seconds at most: an exporter retries a dead collector for longer than asked."""
    done: list[bool] = []
    worker = threading.Thread(target=lambda: done.append(work()), name="hystrix-telemetry", daemon=True)
    worker.start()
    worker.join(timeout)
    return bool(done and done[0])
