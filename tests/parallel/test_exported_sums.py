"""Collecting while calls count, circuits appear and reset() tears them down: nothing lost, doubled or taken back."""

from __future__ import annotations

import math
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

import hystrixpy
from hystrixpy import Command, CommandProperties
from hystrixpy.telemetry import NativeHistogramExporter, wiring
from hystrixpy.telemetry.instruments import Binding
from tests.telemetry.fakes import CUMULATIVE, DELTA, MemoryExporter

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS, CALLS, KEYS = 4, 20_000, 10


class Work(Command[int]):
    properties = CommandProperties(isolation="semaphore", max_concurrent=THREADS)
    group = "exported sums"

    def __init__(self, number: int) -> None:
        super().__init__(key=f"exported.{number % KEYS}")

    def run(self) -> int:
        return 1


class Pipeline:
    """Two readers, one of each temporality, and the sums that a collector behind each of them has."""

    def __init__(self) -> None:
        self.behind = [MemoryExporter(DELTA), MemoryExporter(CUMULATIVE)]
        readers = [PeriodicExportingMetricReader(NativeHistogramExporter(each), math.inf) for each in self.behind]
        self.provider = MeterProvider(readers, shutdown_on_exit=False)
        Binding(self.provider, wiring.ledger(), None)
        self.before = self.sums()

    def sums(self) -> list[tuple[int, int]]:
        """(calls, samples of their durations) at each collector, once it has everything."""
        self.provider.force_flush()
        return [(_sum(each, "hystrix.command.events"), _sum(each, "hystrix.command.duration")) for each in self.behind]

    def since(self) -> list[tuple[int, int]]:
        return [
            (calls - calls_before, samples - samples_before)
            for (calls, samples), (calls_before, samples_before) in zip(self.sums(), self.before, strict=True)
        ]


def _sum(behind: MemoryExporter, name: str) -> int:
    total: Counter[tuple[object, ...]] = Counter()
    for collected in behind.arrived:
        for series, point in collected.points(name).items():
            number = getattr(point, "count", None)
            number = point.value if number is None else number
            if "exported sums" not in series:
                continue
            if behind.arrived[0].metrics["hystrix.command.events"].data.aggregation_temporality is DELTA:
                assert number >= 0
                total[series] += number
            else:
                assert number >= total[series], "a counter went down"
                total[series] = number
    return sum(total.values())


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    Work(0).execute()  # something to collect
    pipeline = Pipeline()
    yield pipeline
    pipeline.provider.shutdown()


def storm(pipeline: Pipeline, *, resets: bool) -> None:
    """All threads call, while this one collects and, if told so, tears everything down."""

    def call() -> None:
        for number in range(CALLS):
            Work(number).execute()

    threads = [threading.Thread(target=call) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        pipeline.provider.force_flush()
        if resets:
            hystrixpy.reset(timeout=5.0)
    for thread in threads:
        thread.join()


def test_what_is_collected_during_a_storm_is_exact(pipeline: Pipeline) -> None:
    """Every call is in both temporalities' sums, and so is its duration."""
    storm(pipeline, resets=False)
    assert pipeline.since() == [(THREADS * CALLS, THREADS * CALLS)] * 2


def test_resets_in_between_take_nothing_back(pipeline: Pipeline) -> None:
    """No delta is negative, no counter goes down, and both readers were told the same."""
    storm(pipeline, resets=True)
    delta, cumulative = pipeline.since()
    assert delta == cumulative
    # A call that was under way when its circuit was torn down counts nowhere; each reset can meet one per thread.
    assert 0 < delta[0] <= THREADS * CALLS
