"""What arrives at a collector equals the native counts: real commands, real exporters, both protocols."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader

import hystrixpy
from hystrixpy import AsyncCommand, BadRequestError, Command, CommandProperties, EventType
from hystrixpy.demo.receiver import Receiver
from hystrixpy.telemetry import otlp, wiring
from hystrixpy.telemetry.exporter import NativeHistogramExporter
from hystrixpy.telemetry.instruments import Binding

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = "hystrix.command.events"
DURATION = "hystrix.command.duration"
TOTAL = "hystrix.command.total_duration"
CUMULATIVE, DELTA = AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA


class Pipeline:
    """Everything from the circuits to a receiver, exporting when told to; the global provider is left alone."""

    def __init__(self, receiver: Receiver, temporality: AggregationTemporality) -> None:
        preferred = dict.fromkeys((Counter, Histogram, ObservableCounter), temporality)
        # One second of retries is enough to see an export fail.
        exporter = otlp.metric_exporter(
            receiver.protocol, receiver.endpoint, preferred_temporality=preferred, timeout=1
        )
        self.exporter = NativeHistogramExporter(exporter)
        reader = PeriodicExportingMetricReader(self.exporter, export_interval_millis=math.inf)
        self.provider = MeterProvider([reader], shutdown_on_exit=False)
        Binding(self.provider, wiring.ledger(), None)

    def export(self) -> bool:
        """One export; whether it arrived."""
        self.provider.force_flush()
        return self.exporter.arrived


@pytest.fixture(params=["grpc", "http"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    if request.param == "grpc":  # no wheel of grpcio for a free-threaded Python
        pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    with Receiver(request.param) as receiver:
        yield receiver


@pytest.fixture(params=[CUMULATIVE, DELTA], ids=["cumulative", "delta"])
def pipeline(receiver: Receiver, request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    pipeline = Pipeline(receiver, request.param)
    yield pipeline
    pipeline.provider.shutdown()


_numbers = itertools.count()


def fresh(name: str) -> str:
    """A key of its own for each test: what is exported outlives the reset between two."""
    return f"{name}.{next(_numbers)}"


class Scripted(Command[int]):
    """Does what its argument says; the key is the test's."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(key=key)
        self.what = what

    def run(self) -> int:
        return act(self.what)

    def fallback(self) -> int:
        if self.what == "failing fallback":
            raise LookupError
        return 0


class ScriptedAsync(AsyncCommand[int]):
    def __init__(self, key: str, what: str) -> None:
        super().__init__(key=key)
        self.what = what

    async def run(self) -> int:
        await asyncio.sleep(0)
        return act(self.what)

    async def fallback(self) -> int:
        return 0


class InThread(Scripted):
    properties = CommandProperties(isolation="thread")


class Inline(Scripted):
    properties = CommandProperties(isolation="semaphore")


def act(what: str) -> int:
    if what == "bad":
        raise BadRequestError(what)
    if what != "good":
        raise ValueError(what)
    return 1


SCRIPT = ["good"] * 30 + ["broken"] * 5 + ["bad"] * 3 + ["failing fallback"] * 2 + ["good"] * 10


def play(prefix: str) -> list[str]:
    """The script on every kind of command; the keys."""
    keys = [f"{prefix}.inline", f"{prefix}.thread", f"{prefix}.async"]
    for what in SCRIPT:
        for make in (
            lambda what=what: Inline(keys[0], what).execute(),
            lambda what=what: InThread(keys[1], what).execute(),
        ):
            _quietly(make)
    asyncio.run(_play_async(keys[2]))
    return keys


async def _play_async(key: str) -> None:
    for what in SCRIPT:
        with contextlib.suppress(BadRequestError, LookupError):
            await ScriptedAsync(key, what)


def _quietly(execute: Any) -> None:
    with contextlib.suppress(BadRequestError, LookupError):
        execute()


def assert_equal(receiver: Receiver, keys: list[str]) -> None:
    """Every event and both histograms of these keys, against what the circuits say."""
    for key in keys:
        native = hystrixpy.metrics(key).cumulative_counts()
        arrived = {
            event: receiver.received.total(EVENTS, {"hystrix.command.key": key, "hystrix.event": event.name.lower()})
            for event in EventType
        }
        assert arrived == native
        circuit = hystrixpy.registry.circuit(key)
        assert_histogram(receiver, DURATION, key, circuit.latency_cumulative())
        assert_histogram(receiver, TOTAL, key, circuit.total_latency_cumulative())


def assert_histogram(receiver: Receiver, name: str, key: str, native: tuple[int, ...]) -> None:
    wanted = {"hystrix.command.key": key}
    assert receiver.received.histogram_count(name, wanted) == sum(native) == len(SCRIPT) * 2
    buckets: dict[int, int] = {}
    points = receiver.received.find(name, wanted)
    for point in points if not points[-1].cumulative else points[-1:]:
        histogram = point.histogram
        assert histogram is not None
        assert (histogram.scale, histogram.zero_count, sum(histogram.counts)) == (3, 0, histogram.count)
        for index, count in enumerate(histogram.counts, start=histogram.offset + 160):
            buckets[index] = buckets.get(index, 0) + count
    assert {index: count for index, count in buckets.items() if count} == {
        index: count for index, count in enumerate(native) if count
    }


def test_everything_that_was_counted_arrives(receiver: Receiver, pipeline: Pipeline) -> None:
    """In two exports with traffic between them: events, and every bucket of both histograms."""
    name = fresh("arrival")
    play(name)
    assert pipeline.export()
    keys = play(name)
    assert pipeline.export()
    assert_equal(receiver, keys)


def test_a_collector_that_was_down_misses_nothing(receiver: Receiver, pipeline: Pipeline) -> None:
    """Killed and started again: cumulative totals are complete, and in delta the histograms are."""
    key = {"hystrix.command.key": fresh("down")}
    name = key["hystrix.command.key"]
    Inline(name, "good").execute()
    assert pipeline.export()
    receiver.stop()
    for _ in range(10):
        Inline(name, "good").execute()
    assert not pipeline.export()
    receiver.start()
    Inline(name, "good").execute()
    _until(pipeline.export)
    points = receiver.received.find(DURATION, key)
    if points[-1].cumulative:
        assert receiver.received.total(EVENTS, key) == 12
    assert receiver.received.histogram_count(DURATION, key) == 12


def _until(export: Any, tries: int = 20) -> None:
    """gRPC's channel comes back in its own time."""
    assert any(export() for _ in range(tries))


def test_no_metric_api_is_called_during_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting is native: with a provider and a reader in place, a call touches no instrument."""
    from opentelemetry.sdk.metrics._internal.measurement_consumer import SynchronousMeasurementConsumer

    with Receiver("http") as receiver:
        pipeline = Pipeline(receiver, CUMULATIVE)
        Inline("untouched", "good").execute()
        refuse = lambda *_a, **_k: pytest.fail("a metric API was called during a command")  # noqa: E731
        with monkeypatch.context() as patch:
            patch.setattr(SynchronousMeasurementConsumer, "consume_measurement", refuse)
            patch.setattr("opentelemetry.metrics.get_meter", refuse)
            patch.setattr("opentelemetry.metrics.get_meter_provider", refuse)
            for what in SCRIPT:
                _quietly(Inline("untouched", what).execute)
        assert pipeline.export()
        pipeline.provider.shutdown()
        arrived = receiver.received.total(EVENTS, {"hystrix.command.key": "untouched", "hystrix.event": "success"})
    assert arrived == hystrixpy.metrics("untouched").cumulative_count(EventType.SUCCESS) == 41


def test_a_reset_takes_nothing_back(receiver: Receiver, pipeline: Pipeline) -> None:
    """Counted before and after reset(), exported or not: the collector's total is the sum of it all."""
    key = {"hystrix.command.key": fresh("reset")}
    name = key["hystrix.command.key"]
    for _ in range(4):
        Inline(name, "good").execute()
    assert pipeline.export()
    Inline(name, "good").execute()
    hystrixpy.reset()
    for _ in range(2):
        Inline(name, "good").execute()
    assert pipeline.export()
    hystrixpy.reset()
    assert pipeline.export()
    assert all(point.value >= 0 for point in receiver.received.find(EVENTS, key))
    assert receiver.received.total(EVENTS, key) == 7
    assert receiver.received.histogram_count(DURATION, key) == 7


def test_collapsers_arrive_too(receiver: Receiver, pipeline: Pipeline) -> None:
    """Batches, requests in them, and how large they were; all survive reset()."""
    key = fresh("collapser")

    @hystrixpy.collapse(key=key, scope="global", delay=10.0, max_batch_size=4)
    def echo(ids: list[int]) -> list[int]:
        return ids

    for full in range(3):
        if full == 2:
            assert pipeline.export()
            hystrixpy.reset()
        assert [future.result(10) for future in [echo.queue(n) for n in range(4)]] == [0, 1, 2, 3]
    assert pipeline.export()
    wanted = {"hystrix.collapser.key": key}
    assert receiver.received.total("hystrix.collapser.batches", wanted) == 3
    assert receiver.received.total("hystrix.collapser.batched_requests", wanted) == 12
    assert receiver.received.histogram_count("hystrix.collapser.batch_size", wanted) == 3
    for point in receiver.received.find("hystrix.collapser.batch_size", wanted):
        assert point.histogram is not None
        assert point.histogram.sum == pytest.approx(4 * point.histogram.count, rel=0.045)


def test_pools_arrive_too(receiver: Receiver, pipeline: Pipeline) -> None:
    """Completed runs and sizes, by the key of the pool; completed ones survive reset()."""
    pool = fresh("pool")

    @hystrixpy.command(key=pool, thread_pool=pool)
    def work() -> int:
        return 1

    for _ in range(5):
        work()
    wanted = {"hystrix.thread_pool.key": pool}
    assert pipeline.export()
    assert receiver.received.total("hystrix.thread_pool.size", wanted) == 1
    assert receiver.received.total("hystrix.thread_pool.max_size", wanted) == 10
    hystrixpy.reset()
    work()
    assert pipeline.export()
    assert receiver.received.total("hystrix.thread_pool.completed", wanted) == 6
