"""What an OTLP receiver has got, ready to be asked: numbers by name and attributes, histograms, spans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Histogram", "Point", "Received", "Span"]

CUMULATIVE = 2
"""OTLP's number for a point that counts since its start; 1 is a delta."""

Attributes = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution as it arrived. ``counts`` are the buckets, the first one at index ``offset`` of ``scale``
    (exponential), or between ``bounds`` (explicit)."""

    count: int
    sum: float
    counts: tuple[int, ...]
    scale: int = 0
    offset: int = 0
    zero_count: int = 0
    bounds: tuple[float, ...] = ()
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One data point of one metric; times are nanoseconds since the epoch."""

    name: str
    unit: str
    kind: str  # sum, gauge, histogram, exponential_histogram
    attributes: dict[str, object]
    resource: dict[str, object]
    scope: str
    cumulative: bool
    monotonic: bool
    start: int
    time: int
    value: float = 0
    histogram: Histogram | None = None

    @property
    def series(self) -> tuple[object, ...]:
        """What distinguishes this stream of numbers from every other."""
        return self.name, frozenset(self.attributes.items()), frozenset(self.resource.items())


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it arrived; ids are hexadecimal text, ``status`` is 0 unset, 1 ok, 2 error."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    status: int
    attributes: dict[str, object]
    events: tuple[tuple[str, dict[str, object]], ...]
    links: tuple[tuple[str, str], ...]
    resource: dict[str, object]


@dataclass
class Received:
    """Everything that arrived, in order. All methods may be called while more arrives."""

    points: list[Point] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    exports: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def add_metrics(self, request: ExportMetricsServiceRequest) -> None:
        self._add(self.points, _points(request))

    def add_spans(self, request: ExportTraceServiceRequest) -> None:
        self._add(self.spans, _spans(request))

    def wait_for(self, condition: Callable[[Received], object], timeout: float = 10.0) -> bool:
        """Wait until ``condition(self)`` is true, asked after each export; False after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(condition(self)), timeout)

    def clear(self) -> None:
        """Forget everything that arrived."""
        with self._changed:
            self.points.clear()
            self.spans.clear()

    def names(self) -> set[str]:
        """The metrics that arrived."""
        return {point.name for point in list(self.points)}

    def find(self, name: str, attributes: Attributes | None = None) -> list[Point]:
        """Every point of a metric whose attributes include these, oldest first."""
        wanted = (attributes or {}).items()
        return [point for point in list(self.points) if point.name == name and wanted <= point.attributes.items()]

    def last(self, name: str, attributes: Attributes | None = None) -> list[Point]:
        """The newest point of each series."""
        return list({point.series: point for point in self.find(name, attributes)}.values())

    def total(self, name: str, attributes: Attributes | None = None) -> float:
        """The number a metric has reached, over all series: the last value of cumulative ones, the sum of deltas."""
        return sum(point.value for point in self._standing(name, attributes))

    def histogram_count(self, name: str, attributes: Attributes | None = None) -> int:
        """How many measurements a histogram has reached, over all series, whatever its temporality."""
        return sum(point.histogram.count for point in self._standing(name, attributes) if point.histogram)

    def histogram_sum(self, name: str, attributes: Attributes | None = None) -> float:
        """The sum of a histogram's measurements, over all series, whatever its temporality."""
        return sum(point.histogram.sum for point in self._standing(name, attributes) if point.histogram)

    def spans_named(self, name: str) -> list[Span]:
        """The spans of one name, in the order they arrived."""
        return [span for span in list(self.spans) if span.name == name]

    def _standing(self, name: str, attributes: Attributes | None) -> Iterable[Point]:
        """The points which together make the present total: every delta, and the newest of each cumulative series."""
        points = self.find(name, attributes)
        newest = {point.series: point for point in points}
        return [point for point in points if not point.cumulative or newest[point.series] is point]

    def _add(self, kept: list[Any], new: Iterable[Any]) -> None:
        with self._changed:
            kept.extend(new)
            self.exports += 1
            self._changed.notify_all()


def _plain(attributes: Iterable[Any]) -> dict[str, object]:
    """OTLP's key-value list as a dict of str, bool, int, float or a tuple of them."""
    return {item.key: _value(item.value) for item in attributes}


def _value(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    return getattr(value, kind) if kind else None


def _points(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    for resource_metrics in request.resource_metrics:
        resource = _plain(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                yield from _points_of(metric, resource, scope_metrics.scope.name)


def _points_of(metric: Any, resource: dict[str, object], scope: str) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    for point in data.data_points:
        is_number = kind in ("sum", "gauge")
        yield Point(
            name=metric.name,
            unit=metric.unit,
            kind=kind,
            attributes=_plain(point.attributes),
            resource=resource,
            scope=scope,
            # A gauge has no temporality: its newest point stands.
            cumulative=kind == "gauge" or data.aggregation_temporality == CUMULATIVE,
            monotonic=getattr(data, "is_monotonic", False),
            start=point.start_time_unix_nano,
            time=point.time_unix_nano,
            value=getattr(point, point.WhichOneof("value")) if is_number else 0,
            histogram=None if is_number else _histogram(point, kind),
        )


def _histogram(point: Any, kind: str) -> Histogram:
    low = point.min if point.HasField("min") else None
    high = point.max if point.HasField("max") else None
    if kind == "histogram":
        bounds = tuple(point.explicit_bounds)
        return Histogram(point.count, point.sum, tuple(point.bucket_counts), bounds=bounds, min=low, max=high)
    buckets = point.positive
    counts = tuple(buckets.bucket_counts)
    return Histogram(point.count, point.sum, counts, point.scale, buckets.offset, point.zero_count, min=low, max=high)


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        resource = _plain(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    kind=span.kind,
                    status=span.status.code,
                    attributes=_plain(span.attributes),
                    events=tuple((event.name, _plain(event.attributes)) for event in span.events),
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    resource=resource,
                )
