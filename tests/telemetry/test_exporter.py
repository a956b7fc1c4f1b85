"""The exporter wrapper: native buckets as exponential histograms, in both temporalities, through every mishap."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from hystrixpy._native.histogram import FIRST, SCALE, _index
from hystrixpy.telemetry import exporter as exporters
from hystrixpy.telemetry.instruments import Binding
from hystrixpy.telemetry.ledger import Ledger
from tests.telemetry.fakes import CUMULATIVE, DELTA, Collected, FakeCircuit, FakeSource, MemoryExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.metrics.export import AggregationTemporality

DURATION = "hystrix.command.duration"
BOTH = pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA], ids=["cumulative", "delta"])


class Pipeline:
    """Provider, periodic reader that fires only by hand, wrapper, and what arrived behind it."""

    def __init__(self, ledger: Ledger, temporality: AggregationTemporality) -> None:
        self.behind = MemoryExporter(temporality)
        self.wrapper = exporters.NativeHistogramExporter(self.behind)
        reader = PeriodicExportingMetricReader(self.wrapper, export_interval_millis=math.inf)
        self.provider = MeterProvider([reader], shutdown_on_exit=False)
        Binding(self.provider, ledger, None)

    def export(self) -> Collected:
        self.provider.force_flush()
        return self.behind.arrived[-1]

    def point(self) -> Any:
        """The one duration point of an export, or None."""
        return next(iter(self.export().points(DURATION).values()), None)

    def close(self) -> None:
        self.provider.shutdown()


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(FakeCircuit("a"))


@pytest.fixture
def ledger(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    ledger = Ledger(source)
    monkeypatch.setattr(exporters, "ledger", lambda: ledger)
    return ledger


@pytest.fixture
def pipeline(ledger: Ledger) -> Iterator[Callable[[AggregationTemporality], Pipeline]]:
    made: list[Pipeline] = []

    def make(temporality: AggregationTemporality) -> Pipeline:
        made.append(Pipeline(ledger, temporality))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("seconds", [1e-6, 0.00123, 0.5, 1.0, 7.7, 3599.0])
def test_a_bucket_holds_its_sample(pipeline: Callable[..., Pipeline], source: FakeSource, seconds: float) -> None:
    """The exported offset and scale put the sample inside its bucket, and the sum within 4.5 % of it."""
    source.alive["circuits"][0].record(_index(round(seconds * 1e9)))
    point = pipeline(CUMULATIVE).point()
    base = 2 ** (2**-SCALE)
    offset = point.positive.offset
    assert (point.count, tuple(point.positive.bucket_counts), point.zero_count) == (1, (1,), 0)
    assert base**offset < seconds * (1 + 1e-9)
    assert seconds <= base ** (offset + 1) * (1 + 1e-9)
    assert point.sum == pytest.approx(seconds, rel=0.045)
    assert point.min <= seconds * (1 + 1e-9)
    assert seconds <= point.max * (1 + 1e-9)


def test_buckets_run_from_the_first_used_to_the_last(pipeline: Callable[..., Pipeline], source: FakeSource) -> None:
    """Empty ends are not sent; empty buckets in between are."""
    for bucket, n in ((10, 4), (12, 1)):
        source.alive["circuits"][0].record(bucket, n)
    point = pipeline(CUMULATIVE).point()
    assert (point.positive.offset, tuple(point.positive.bucket_counts)) == (FIRST + 10, (4, 0, 1))
    assert point.count == 5


@BOTH
def test_histograms_travel_in_a_scope_of_their_own(
    pipeline: Callable[..., Pipeline], source: FakeSource, temporality: AggregationTemporality
) -> None:
    """Beside the SDK's metrics in the same resource, in the temporality of the wrapped exporter."""
    source.alive["circuits"][0].record(3)
    seen = pipeline(temporality).export()
    assert seen.scopes == ["hystrixpy", "hystrixpy.histograms"]
    assert seen.metrics[DURATION].data.aggregation_temporality is temporality
    assert (seen.metrics[DURATION].unit, "hystrix.command.active" in seen.metrics) == ("s", True)


def test_cumulative_points_grow_from_one_start(pipeline: Callable[..., Pipeline], source: FakeSource) -> None:
    """Every point tells the whole count and the same start, before which nothing was counted."""
    exporter, circuit = pipeline(CUMULATIVE), source.alive["circuits"][0]
    circuit.record(3, 10)
    first = exporter.point()
    circuit.record(3, 5)
    second = exporter.point()
    assert (first.count, second.count) == (10, 15)
    assert first.start_time_unix_nano == second.start_time_unix_nano < first.time_unix_nano
    assert first.time_unix_nano < second.time_unix_nano < time.time_ns()


def test_delta_points_follow_on_each_other(pipeline: Callable[..., Pipeline], source: FakeSource) -> None:
    """Each starts where the one before ended, and a series without news has no point."""
    exporter, circuit = pipeline(DELTA), source.alive["circuits"][0]
    circuit.record(3, 10)
    first = exporter.point()
    circuit.record(4, 5)
    second = exporter.point()
    assert (first.count, second.count) == (10, 5)
    assert second.start_time_unix_nano == first.time_unix_nano
    assert exporter.point() is None


def test_a_failed_delta_export_is_told_again(pipeline: Callable[..., Pipeline], source: FakeSource) -> None:
    """Nothing is lost and nothing is doubled: the next point covers both spans."""
    exporter, circuit = pipeline(DELTA), source.alive["circuits"][0]
    circuit.record(3, 1)
    first = exporter.point()
    exporter.behind.failing = True
    circuit.record(3, 10)
    exporter.export()
    exporter.behind.failing = False
    circuit.record(3, 100)
    again = exporter.point()
    assert again.count == 110
    assert again.start_time_unix_nano == first.time_unix_nano


@BOTH
def test_a_reset_in_between(
    pipeline: Callable[..., Pipeline], source: FakeSource, temporality: AggregationTemporality
) -> None:
    """The torn-down circuit's samples stay counted and are told once."""
    exporter = pipeline(temporality)
    source.alive["circuits"][0].record(3, 10)
    exporter.export()
    source.alive["circuits"][0].record(3, 5)
    source.reset()
    source.add(FakeCircuit("a")).record(3, 1)
    assert exporter.point().count == (16 if temporality is CUMULATIVE else 6)


def test_two_wrappers_are_independent(pipeline: Callable[..., Pipeline], source: FakeSource) -> None:
    """A wrapper added late begins with the whole count; neither takes from the other."""
    first, circuit = pipeline(DELTA), source.alive["circuits"][0]
    circuit.record(3, 10)
    first.export()
    late = pipeline(DELTA)
    circuit.record(3, 1)
    assert (first.point().count, late.point().count) == (1, 11)


def test_an_unreadable_series_is_not_told_twice(pipeline: Callable[..., Pipeline], source: FakeSource) -> None:
    """A delta resumes from what was last delivered, not from zero."""
    exporter, circuit = pipeline(DELTA), source.alive["circuits"][0]
    circuit.record(3, 10)
    exporter.export()
    circuit.broken = True
    assert exporter.point() is None
    circuit.broken = False
    circuit.record(3, 2)
    assert exporter.point().count == 2


def test_a_forked_child_tells_its_own_only(
    pipeline: Callable[..., Pipeline], source: FakeSource, ledger: Ledger
) -> None:
    """After fork the counts begin at zero with a new start, in the wrapper that was inherited too."""
    exporter, circuit = pipeline(DELTA), source.alive["circuits"][0]
    circuit.record(3, 10)
    first = exporter.point()
    circuit.record(3, 5)
    ledger.inherit()  # what the child's fork hook does
    circuit.record(3, 1)
    point = exporter.point()
    assert point.count == 1
    assert point.start_time_unix_nano == ledger.started_ns > first.time_unix_nano


@pytest.mark.usefixtures("ledger")
def test_the_wrapper_is_transparent() -> None:
    """Preferences, flush, shutdown and what else the exporter offers reach the wrapped one."""
    behind = MemoryExporter(DELTA)
    wrapper = exporters.NativeHistogramExporter(behind)
    wrapper.force_flush()
    wrapper.shutdown(timeout=1.0)
    assert behind.calls == ["force_flush", "shutdown"]
    assert wrapper.something_of_its_own() == "mine"
    assert wrapper._preferred_temporality is behind._preferred_temporality


@pytest.mark.usefixtures("ledger")
def test_what_cannot_be_wrapped() -> None:
    """A TypeError for what is no exporter, and for a wrapper: the histograms would arrive twice."""
    wrapper = exporters.NativeHistogramExporter(MemoryExporter())
    assert repr(wrapper) == "<NativeHistogramExporter around MemoryExporter>"
    with pytest.raises(TypeError, match="around MemoryExporter> adds the histograms already"):
        exporters.NativeHistogramExporter(wrapper)
    for wrong in (None, MemoryExporter):
        with pytest.raises(TypeError, match="wraps a MetricExporter"):
            exporters.NativeHistogramExporter(wrong)  # type: ignore[arg-type]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(("protocol", "flavour"), [("grpc", "grpc"), ("http/protobuf", "http"), ("", "grpc")])
def test_the_entry_point_takes_the_protocol_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, protocol: str, flavour: str
) -> None:
    """OTEL_EXPORTER_OTLP_PROTOCOL decides, and the SDK accepts the class as a metric exporter."""
    pytest.importorskip(f"opentelemetry.exporter.otlp.proto.{flavour}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    assert issubclass(exporters.otlp_exporter, MetricExporter)
    exporter = exporters.otlp_exporter()
    assert f"otlp.proto.{flavour}." in type(exporter._exporter).__module__
    exporter.shutdown()
