"""The OTLP receiver gets what the SDK's own exporters send, over both protocols."""

from __future__ import annotations

import importlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.otlp import Receiver

pytest.importorskip("opentelemetry.sdk", reason="the OpenTelemetry SDK is not installed here")

from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator

DELTA = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}


@pytest.fixture(params=["grpc", "http"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    pytest.importorskip(f"opentelemetry.exporter.otlp.proto.{request.param}", reason="no exporter installed here")
    with Receiver(request.param) as started:
        yield started


def exporter(receiver: Receiver, kind: str, **options: Any) -> Any:
    """The SDK's OTLP exporter of metrics or traces for a receiver."""
    package = f"opentelemetry.exporter.otlp.proto.{receiver.protocol}"
    exporters = importlib.import_module(f"{package}.{'metric' if kind == 'metrics' else 'trace'}_exporter")
    if receiver.protocol == "grpc":
        options |= {"endpoint": receiver.endpoint, "insecure": True}
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression

        options |= {"endpoint": f"{receiver.endpoint}/v1/{kind}", "compression": Compression.Gzip}
    return getattr(exporters, "OTLPMetricExporter" if kind == "metrics" else "OTLPSpanExporter")(**options)


def provider(receiver: Receiver, **options: Any) -> MeterProvider:
    reader = PeriodicExportingMetricReader(exporter(receiver, "metrics", **options), export_interval_millis=3_600_000)
    views = [View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation())]
    return MeterProvider([reader], views=views, shutdown_on_exit=False)


def test_sums_arrive_by_name_and_attributes(receiver: Receiver) -> None:
    """A counter's cumulative value is its total, per attribute and over all of them."""
    meters = provider(receiver)
    counter = meters.get_meter("test").create_counter("calls", unit="{call}")
    for _ in range(2):
        counter.add(3, {"key": "a"})
        counter.add(4, {"key": "b"})
        meters.force_flush()
    meters.shutdown()
    received = receiver.received
    assert received.total("calls") == 14
    assert received.total("calls", {"key": "a"}) == 6
    assert [point.value for point in received.find("calls", {"key": "b"})][:2] == [4, 8]
    assert received.last("calls", {"key": "b"})[0].unit == "{call}"


def test_deltas_are_added_up(receiver: Receiver) -> None:
    """A delta counter's total is the sum of what arrived."""
    meters = provider(receiver, preferred_temporality=DELTA)
    counter = meters.get_meter("test").create_counter("calls")
    for amount in (3, 4):
        counter.add(amount)
        meters.force_flush()
    meters.shutdown()
    assert [point.value for point in receiver.received.find("calls")] == [3, 4]
    assert receiver.received.total("calls") == 7


def test_exponential_histograms_arrive(receiver: Receiver) -> None:
    """Count, sum and every measurement in a bucket."""
    meters = provider(receiver)
    histogram = meters.get_meter("test").create_histogram("duration", unit="s")
    for value in (0.25, 0.5, 1.0):
        histogram.record(value)
    meters.shutdown()
    (point,) = receiver.received.last("duration")
    assert point.kind == "exponential_histogram"
    assert point.histogram is not None
    assert sum(point.histogram.counts) == receiver.received.histogram_count("duration") == 3
    assert receiver.received.histogram_sum("duration") == 1.75


def test_spans_arrive(receiver: Receiver) -> None:
    """A span with its parent, attributes and events."""
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter(receiver, "traces")))
    tracer = tracers.get_tracer("test")
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner", attributes={"n": 1}) as span:
        span.add_event("happened", {"why": "because"})
    tracers.shutdown()
    (inner,), (outer,) = receiver.received.spans_named("inner"), receiver.received.spans_named("outer")
    assert inner.parent_id == outer.span_id
    assert inner.attributes == {"n": 1}
    assert inner.events == (("happened", {"why": "because"}),)


def test_restart_listens_on_the_same_port(receiver: Receiver) -> None:
    """Stopped, the port refuses; started again, it is the same one, and nothing received is forgotten."""
    meters = provider(receiver)
    counter = meters.get_meter("test").create_counter("calls")
    counter.add(1)
    meters.force_flush()
    port = receiver.port
    receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    receiver.start()
    counter.add(1)
    meters.force_flush()
    assert receiver.received.wait_for(lambda received: received.total("calls") == 2)
    assert receiver.port == port
    meters.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_taken_port_is_an_error(protocol: str) -> None:
    """Two receivers never share a port in silence."""
    if protocol == "grpc":
        pytest.importorskip("grpc", reason="grpcio is not installed here")
    with Receiver("http") as first, pytest.raises(OSError, match=r"in use|can not listen"):
        Receiver(protocol, first.port).start()
