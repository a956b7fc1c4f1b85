"""Native latency buckets as OpenTelemetry exponential histograms: index arithmetic, and nothing per call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint

from hystrixpy._native.histogram import BUCKETS, FIRST, SCALE
from hystrixpy.telemetry.table import INSTRUMENTS, Instrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hystrixpy.telemetry.ledger import Counts, Ledger, Series

__all__ = ["NATIVE", "Native", "Window", "point"]

_BASE: float = 2.0 ** (1 / 2**SCALE)
_NONE = Buckets(offset=0, bucket_counts=())


class Native(NamedTuple):
    """A histogram instrument, and the ledger's column that holds its buckets."""

    instrument: Instrument
    column: str


class Window(NamedTuple):
    """The time a point speaks of, Unix time in ns."""

    start_ns: int
    end_ns: int


_COLUMN = {
    "hystrix.command.duration": "latency",
    "hystrix.command.total_duration": "total_latency",
    "hystrix.collapser.batch_size": "batch_sizes",
}
NATIVE = tuple(Native(row, _COLUMN[row.name]) for row in INSTRUMENTS if row.kind == "histogram")


def buckets_of(ledger: Ledger) -> dict[str, dict[Series, Counts]]:
    """The buckets of every native histogram, by column."""
    return {native.column: ledger.column(native.column) for native in NATIVE}


def point(attributes: Sequence[str], series: Series, counts: Counts, window: Window) -> ExponentialHistogramDataPoint:
    """One series as a data point. Its sum, min and max are known to the width of a bucket: 4.5 % from its middle."""
    first, last = _used(counts)
    return ExponentialHistogramDataPoint(
        attributes=dict(zip(attributes, series, strict=True)),
        start_time_unix_nano=window.start_ns,
        time_unix_nano=window.end_ns,
        count=sum(counts),
        sum=sum(count * middle for count, middle in zip(counts, _MIDDLES, strict=True)),
        scale=SCALE,
        zero_count=0,
        positive=Buckets(offset=FIRST + first, bucket_counts=counts[first : last + 1]),
        negative=_NONE,
        flags=0,
        min=_BASE ** (FIRST + first),
        max=_BASE ** (FIRST + last + 1),
    )


def _used(counts: Counts) -> tuple[int, int]:
    """The first and the last bucket that hold something."""
    used = [index for index, count in enumerate(counts) if count]
    return used[0], used[-1]


def _middle(index: int) -> float:
    """What a sample of the bucket counts as in a sum, in seconds: as the native snapshots do."""
    low, high = _BASE ** (FIRST + index), _BASE ** (FIRST + index + 1)
    return float(2 * low * high / (low + high))


_MIDDLES = tuple(_middle(index) for index in range(BUCKETS))
