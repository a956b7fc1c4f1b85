"""Circuits, pools and collapsers that count what a test tells them, and readers to look at what is exported."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)

from hystrixpy._native.histogram import BUCKETS
from hystrixpy.telemetry.instruments import Binding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from hystrixpy.events import EventType
    from hystrixpy.telemetry.ledger import Ledger

DELTA = AggregationTemporality.DELTA
CUMULATIVE = AggregationTemporality.CUMULATIVE


@dataclass
class FakeCircuit:
    key: str
    group: str = "g"
    events: list[int] = field(default_factory=lambda: [0] * 18)
    transitions: tuple[int, int, int] = (0, 0, 0)
    buckets: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    active: int = 0
    abandoned: int = 0
    state: int = 0
    rolling: tuple[int, int] = (0, 0)
    broken: bool = False

    def count(self, event: EventType, n: int = 1) -> None:
        self.events[event] += n

    def record(self, bucket: int, n: int = 1) -> None:
        self.buckets[bucket] += n

    def cumulative_all(self) -> tuple[int, ...]:
        if self.broken:
            raise RuntimeError("unreadable")
        return tuple(self.events)

    def latency_cumulative(self) -> tuple[int, ...]:
        if self.broken:
            raise RuntimeError("unreadable")
        return tuple(self.buckets)

    total_latency_cumulative = latency_cumulative

    def health(self) -> tuple[int, int]:
        if self.broken:
            raise RuntimeError("unreadable")
        return self.rolling


@dataclass
class FakePool:
    key: str
    active: int = 0
    size: int = 0
    max_size: int = 10
    queue_size: int = 0
    completed: int = 0
    rejected: int = 0


@dataclass
class FakeCollapser:
    key: str
    batches: int = 0
    batched_requests: int = 0
    sizes: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def batch_sizes(self) -> tuple[int, ...]:
        return tuple(self.sizes)


class FakeSource:
    """What the registry is to telemetry, with a reset()."""

    def __init__(self, *circuits: FakeCircuit) -> None:
        self.alive = {"circuits": list(circuits), "pools": [], "collapsers": []}
        self.gone: dict[str, list[Any]] = {"circuits": [], "pools": [], "collapsers": []}
        self.errors = 0

    def reset(self) -> None:
        for kind, owners in self.alive.items():
            self.gone[kind] += owners
            self.alive[kind] = []

    def add(self, circuit: FakeCircuit) -> FakeCircuit:
        self.alive["circuits"].append(circuit)
        return circuit

    def frozen(self) -> AbstractContextManager[object]:
        return nullcontext()

    def circuits(self) -> tuple[list[Any], list[Any]]:
        return list(self.alive["circuits"]), list(self.gone["circuits"])

    def pools(self) -> tuple[list[Any], list[Any]]:
        return list(self.alive["pools"]), list(self.gone["pools"])

    def collapsers(self) -> tuple[list[Any], list[Any]]:
        return list(self.alive["collapsers"]), list(self.gone["collapsers"])

    def reload_errors(self) -> int:
        return self.errors


class Collected:
    """A collection by name of metric and values of attributes, whatever their names."""

    def __init__(self, data: MetricsData | None) -> None:
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        self.scopes = [scope.scope.name for scope in scopes]
        self.metrics = {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name: str) -> dict[tuple[object, ...], Any]:
        if name not in self.metrics:
            return {}
        return {tuple(point.attributes.values()): point for point in self.metrics[name].data.data_points}

    def values(self, name: str) -> dict[tuple[object, ...], int | float]:
        return {attributes: point.value for attributes, point in self.points(name).items()}


class Reader:
    """One in-memory reader on a provider of its own that has our instruments."""

    def __init__(self, ledger: Ledger, temporality: AggregationTemporality = CUMULATIVE) -> None:
        from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter

        self._reader = InMemoryMetricReader(dict.fromkeys((Counter, Histogram, ObservableCounter), temporality))
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.binding = Binding(self.provider, ledger, None)

    def collect(self) -> Collected:
        return Collected(self._reader.get_metrics_data())


class MemoryExporter(MetricExporter):
    """Keeps what arrives, or fails when told to."""

    def __init__(self, temporality: AggregationTemporality = CUMULATIVE) -> None:
        from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter

        super().__init__(dict.fromkeys((Counter, Histogram, ObservableCounter), temporality))
        self.arrived: list[Collected] = []
        self.failing = False
        self.calls: list[str] = []

    def export(self, metrics_data: MetricsData, **_kwargs: Any) -> MetricExportResult:
        if self.failing:
            return MetricExportResult.FAILURE
        self.arrived.append(Collected(metrics_data))
        return MetricExportResult.SUCCESS

    def force_flush(self, **_kwargs: Any) -> bool:
        self.calls.append("force_flush")
        return True

    def shutdown(self, **_kwargs: Any) -> None:
        self.calls.append("shutdown")

    def something_of_its_own(self) -> str:
        return "mine"


def counts_of(points: Iterable[Any]) -> list[int]:
    return [point.count for point in points]
