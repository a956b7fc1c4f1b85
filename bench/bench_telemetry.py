"""What telemetry costs: a collection over 1,000 circuits, and a call while a reader, a tracer or a hook is there."""

import math

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter, ObservableGauge
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider

import hystrixpy
from hystrixpy import Command, CommandHook, CommandProperties, add_hook
from hystrixpy.telemetry import NativeHistogramExporter, wiring
from hystrixpy.telemetry.instruments import Binding

CIRCUITS = 1000
ROOM = {ObservableCounter: 1_000_000, ObservableGauge: 1_000_000}


class Work(Command[int]):
    """A semaphore command that does nothing."""

    properties = CommandProperties(isolation="semaphore")

    def run(self):
        return 1


class Keyed(Work):
    """The same on a circuit per key."""

    def __init__(self, key):
        super().__init__(key=key)


@pytest.fixture
def thousand():
    """Circuits with a success each."""
    for number in range(CIRCUITS):
        Keyed(f"key {number}").execute()
    yield
    hystrixpy.reset()


@pytest.mark.benchmark(group="a collection over 1,000 circuits")
@pytest.mark.usefixtures("thousand")
def test_collect(benchmark):
    """Every instrument, through the SDK, into memory."""
    reader = InMemoryMetricReader(cardinality_limits=ROOM)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    Binding(provider, wiring.ledger(), None)
    data = benchmark.pedantic(reader.get_metrics_data, rounds=5, warmup_rounds=1)
    points = sum(len(m.data.data_points) for m in data.resource_metrics[0].scope_metrics[0].metrics)
    benchmark.extra_info["points"] = points
    provider.shutdown()


class Nowhere(MetricExporter):
    """Takes everything."""

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


@pytest.mark.benchmark(group="a collection over 1,000 circuits")
@pytest.mark.usefixtures("thousand")
def test_collect_with_histograms(benchmark):
    """The same with both latency histograms of every circuit, up to the exporter."""
    reader = PeriodicExportingMetricReader(
        NativeHistogramExporter(Nowhere()), export_interval_millis=math.inf, cardinality_limits=ROOM
    )
    provider = MeterProvider([reader], shutdown_on_exit=False)
    Binding(provider, wiring.ledger(), None)
    benchmark.pedantic(provider.force_flush, rounds=5, warmup_rounds=1)
    provider.shutdown()


@pytest.mark.benchmark(group="a call with telemetry")
def test_call_with_nobody_there(benchmark):
    """No provider, no hook."""
    benchmark(lambda: Work().execute())


@pytest.mark.benchmark(group="a call with telemetry")
def test_call_with_a_reader(benchmark):
    """Metrics on: nothing more is done per call."""
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    Binding(provider, wiring.ledger(), None)
    benchmark(lambda: Work().execute())
    provider.shutdown()


@pytest.mark.benchmark(group="a call with telemetry")
def test_call_with_a_hook(benchmark):
    """One hook with one callback."""

    class Hook(CommandHook):
        def on_success(self, command):
            pass

    add_hook(Hook())
    benchmark(lambda: Work().execute())
    hystrixpy.reset()


@pytest.mark.benchmark(group="a call with telemetry")
def test_call_with_a_tracer(benchmark, monkeypatch):
    """A span per call, exported nowhere."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    benchmark(lambda: Work().execute())
